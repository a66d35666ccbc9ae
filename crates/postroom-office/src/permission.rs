//! What a session may ask for, by whether it has logged in, and by its listener.

use postroom_model::{Anonymous, Forbidden, Guest, Request};

use crate::session::{Identity, Session};

impl Session {
    /// Why the session may not ask for this, if so.
    pub(crate) fn forbids(&self, request: &Request) -> Option<Forbidden> {
        let may_ask = match self.identity {
            // What follows a login waits for its reply; where it does not, that is for the
            // session's protocol to say.
            Identity::LoggedIn(_)
            | Identity::Appearing(_)
            | Identity::Present(_)
            | Identity::LoggingIn(_) => true,
            Identity::Anonymous => match self.guest {
                Some(guest) => self.guest_may(guest, request),
                None => matches!(request, Request::LogIn { .. }),
            },
        };
        (!may_ask).then_some(Forbidden::Anonymous)
    }

    fn guest_may(&self, guest: Guest, request: &Request) -> bool {
        let anonymous = self.access.anonymous;
        match request {
            Request::LogIn { .. } => guest != Guest::Board,
            Request::Compose { .. } | Request::ComposeAll { .. } => {
                guest == Guest::Web && anonymous == Anonymous::Post
            }
            Request::Post { .. } => anonymous == Anonymous::Post,
            Request::Join(_)
            | Request::Leave(_)
            | Request::Latest(_)
            | Request::Timeline { .. } => anonymous != Anonymous::None,
            Request::DeletePost { .. }
            | Request::Read
            | Request::Once(_)
            | Request::Peek { .. }
            | Request::Lease { .. }
            | Request::ConfirmLease { .. }
            | Request::Confirm
            | Request::CountUnread
            | Request::WatchMail
            | Request::Appear(_)
            | Request::Disappear
            | Request::ChangePassword { .. }
            | Request::Block { .. }
            | Request::ListBlocked
            | Request::ManageChannel { .. }
            | Request::JoinWithKey { .. }
            | Request::ListPresent
            | Request::Tell { .. } => false,
        }
    }
}
