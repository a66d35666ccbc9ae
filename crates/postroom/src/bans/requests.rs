//! What the commands ask of a server or of a store.

use postroom_engine::BanRequest;
use postroom_store::{BanPlace, Store as _};
use postroom_web::{BanDone, BanOrder, BanPage, UnbanOrder};

use crate::desk::{Desk, DeskError, Folder, now};

impl Desk {
    pub(super) fn ban(&mut self, order: BanOrder) -> Result<BanDone, DeskError> {
        match self {
            Self::Server(server) => Ok(server.post("/v1/ban", &order)?),
            Self::Folder(folder) => folder.ban(&order.request().map_err(DeskError::refused)?),
        }
    }

    pub(super) fn unban(&mut self, order: UnbanOrder) -> Result<BanDone, DeskError> {
        match self {
            Self::Server(server) => Ok(server.post("/v1/unban", &order)?),
            Self::Folder(folder) => folder.ban(&order.request().map_err(DeskError::refused)?),
        }
    }

    /// A page of the bans in force.
    pub(super) fn bans(&mut self, from: u64) -> Result<BanPage, DeskError> {
        match self {
            Self::Server(server) => Ok(server.get(&format!("/v1/bans?from={from}"))?),
            Self::Folder(folder) => Ok(folder.store.bans(BanPlace(from), now()).into()),
        }
    }

    /// Whether a server carries it out.
    pub(super) fn is_server(&self) -> bool {
        matches!(self, Self::Server(_))
    }
}

impl Folder {
    fn ban(&mut self, request: &BanRequest) -> Result<BanDone, DeskError> {
        let outcome = self.call(request.call())?;
        let answer = request.answer(outcome);
        answer.map(Into::into).map_err(|refusal| DeskError::refused(refusal.into()))
    }
}
