//! The operator looks at how the server is, at its sessions and at its accounts.

use std::net::SocketAddr;

use postroom_engine::{AdminAnswer, AdminRequest, SessionSummary};
use postroom_store::{AccountId, AccountSummary, Standing};

use crate::operator::What;
use crate::person::Speaks;
use crate::world::{TroubledDisk, World};

impl<D: TroubledDisk> World<D> {
    pub(super) fn look(&mut self) {
        match self.operator.random.below(3) {
            0 => {
                let (begun, from) = (self.judge.tick(), AccountId(0));
                self.ask(begun, AdminRequest::Accounts { from }, What::Accounts);
            }
            1 => self.look_at_status(),
            _ => self.look_at_sessions(),
        }
    }

    /// Asks what is answered at once.
    pub(super) fn ask_at_once(&mut self, request: AdminRequest) -> AdminAnswer {
        // What the server was about to do is done before.
        self.driver.perform();
        let ticket = self.driver.ask_as_operator(request);
        self.driver.perform();
        self.tally.administered += 1;
        self.driver.answer_to(ticket).expect("it is answered at once")
    }

    fn look_at_status(&mut self) {
        let answer = self.ask_at_once(AdminRequest::Status);
        let AdminAnswer::Status(status) = answer else {
            panic!("{answer:?} answers how the server is");
        };
        let (connections, most) =
            (self.driver.live().count(), self.scenario.rules.settings.connections_max);
        let told = (status.connections, status.connections_max);
        assert_eq!(told, (connections, most), "connections, and how many there may be");
        let waiting: usize = self.driver.live().map(|peer| self.driver.waiting(peer)).sum();
        let held = status.output_bytes;
        assert!(held >= waiting, "{held} bytes wait, is told, and {waiting} do");
        let before_login = status.before_login;
        assert!(before_login <= connections, "{before_login} of {connections} wait for a login");
    }

    fn look_at_sessions(&mut self) {
        let answer = self.ask_at_once(AdminRequest::Sessions { from: 0 });
        let AdminAnswer::Sessions { sessions, next: None } = answer else {
            panic!("{answer:?} answers which sessions there are");
        };
        let fronts = self.driver.live().filter(|peer| self.driver.front(*peer).is_none()).count();
        assert!(sessions.len() <= fronts, "{} sessions of {fronts} clients", sessions.len());
        for (peer, link) in self.links.iter().filter(|(_, link)| !link.is_back) {
            if self.driver.is_closed(*peer) {
                continue;
            }
            let client = &self.clients[link.client];
            let at = SocketAddr::from((client.person.address, link.visit.port()));
            let mut of_client = sessions.iter().filter(|session| session.peer == at);
            let listed = of_client.next();
            let Some(SessionSummary { account, is_before_login, listener, .. }) = listed else {
                panic!("{:?} is not among the sessions", link.visit);
            };
            assert!(of_client.next().is_none(), "{:?} is listed twice", link.visit);
            let (speaks, name) = (client.person.speaks, client.person.name);
            assert_eq!(listener.to_string(), speaks.name(), "the listener of {:?}", link.visit);
            let is_own = account.as_deref().is_none_or(|account| account == name);
            assert!(is_own, "{:?} is listed as {account:?}", link.visit);
            let talk = client.talk.as_ref().filter(|talk| talk.visit == link.visit);
            if talk.is_some_and(|talk| talk.is_in) && speaks != Speaks::Board {
                let is_in = !is_before_login && account.is_some();
                assert!(is_in, "{:?} is in, and listed as {account:?}", link.visit);
            }
        }
    }

    /// A list of all accounts, which was asked for at this moment.
    pub(super) fn listed(
        &mut self,
        accounts: &[AccountSummary],
        next: Option<AccountId>,
        begun: u64,
    ) {
        assert_eq!(next, None, "the accounts fit on a page");
        let standings = accounts.iter().map(|of| (of.name.as_str(), of.standing));
        self.judge.locks.check_list(&standings.collect::<Vec<_>>(), begun);
        for AccountSummary { name, unread, standing } in accounts {
            if *standing == Standing::Reserved {
                assert_eq!(*unread, 0, "there is no account {name}, and it has messages");
            } else {
                self.judge.mailboxes.check_count(&self.judge.texts, name.as_str(), begun, *unread);
            }
        }
    }
}
