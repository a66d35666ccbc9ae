//! Clients of HTTP that write and read mailboxes.

use std::io;

use super::MAILBOXES;
use super::record::{Event, Letter};
use super::trigger::Seen;
use super::web::Web;
use super::work::{END_OF_TEXT, MailboxWorker};

/// How a client of HTTP reads.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    /// Leases, and confirms with the key of the lease.
    Leases,
    /// Leases with `ack=auto`.
    Automatically,
    /// Acknowledges what comes over a WebSocket.
    OverWebSocket,
}

impl MailboxWorker<'_> {
    pub(super) fn post_for_ever(&mut self) -> io::Result<()> {
        let name = format!("writer{}", self.number);
        let mut web = Web::open(self.scene, &name)?;
        loop {
            let mut requests = String::new();
            let mut texts = Vec::new();
            for _ in 0..=self.random.below(4) {
                let mailbox = self.random.index(MAILBOXES.len());
                let number = self.scene.now();
                let padding = ".".repeat(self.length());
                let text = format!("<{number}> by {name}{padding}{END_OF_TEXT}");
                let target = format!("POST /~{}", MAILBOXES[mailbox]);
                requests.push_str(&web.request(&target, "", &text));
                let letter = Letter { sender: name.clone(), text: text.clone() };
                self.log.push(Event::Asked { mailbox, author: self.number, number, letter });
                texts.push(text);
            }
            web.send(&requests)?;
            for text in texts {
                let response = web.response()?;
                match response.status {
                    201 => {
                        self.scene.trigger.saw(Seen::Acknowledged);
                        self.log.push(Event::Acknowledged { text });
                    }
                    507 => self.log.push(Event::Refused { text }),
                    status => panic!("{status}: {}", response.body),
                }
            }
        }
    }

    pub(super) fn take_for_ever(&mut self, mailbox: usize, way: Way) -> io::Result<()> {
        loop {
            let web = Web::open(self.scene, MAILBOXES[mailbox])?;
            match way {
                Way::Leases => self.lease(web, mailbox)?,
                Way::Automatically => self.lease_automatically(web, mailbox)?,
                Way::OverWebSocket => self.acknowledge(web, mailbox)?,
            }
        }
    }

    fn lease(&mut self, mut web: Web, mailbox: usize) -> io::Result<()> {
        loop {
            web.send(&web.request("POST /~/lease?for=1s&wait=1s", "", ""))?;
            let response = web.response()?;
            if response.status == 204 {
                continue;
            }
            assert_eq!(response.status, 200, "{}", response.body);
            let letter = self.handed_out(mailbox, &response.body);
            let word = |name: &str| response.body[name].as_str().unwrap().to_owned();
            // Who leaves lets the lease end by itself.
            match self.random.below(12) {
                0 => {
                    web.reset();
                    return Ok(());
                }
                1 => {
                    web.finish();
                    return Ok(());
                }
                _ => {}
            }
            let mut held = vec![letter.text];
            self.perhaps_confirmed(&held);
            let target = format!("DELETE /~/{}?key={}", word("id"), word("key"));
            web.send(&web.request(&target, "", ""))?;
            match web.response()?.status {
                204 => self.confirmed(&mut held),
                // The lease lasted only for a second.
                410 => {}
                status => panic!("{status}"),
            }
        }
    }

    fn lease_automatically(&mut self, mut web: Web, mailbox: usize) -> io::Result<()> {
        loop {
            web.send(&web.request("POST /~/lease?ack=auto&wait=1s", "", ""))?;
            let response = web.response()?;
            if response.status == 204 {
                continue;
            }
            assert_eq!(response.status, 200, "{}", response.body);
            let letter = self.handed_out(mailbox, &response.body);
            if self.random.once_in(12) {
                web.reset();
                return Ok(());
            }
            // The next request, or the end, proves that it has arrived.
            self.perhaps_confirmed(&[letter.text]);
            if self.random.once_in(12) {
                web.finish();
                return Ok(());
            }
        }
    }

    fn acknowledge(&mut self, mut web: Web, mailbox: usize) -> io::Result<()> {
        web.upgrade("GET /~/stream")?;
        loop {
            let told = web.message()?;
            assert_eq!(told["event"], "message", "{told}");
            let letter = self.handed_out(mailbox, &told);
            if self.random.once_in(12) {
                web.reset();
                return Ok(());
            }
            let mut held = vec![letter.text];
            self.perhaps_confirmed(&held);
            web.tell(&format!("{{\"ack\":{}}}", told["id"]))?;
            if self.random.once_in(12) {
                web.reset();
                return Ok(());
            }
            assert_eq!(web.message()?["event"], "confirmed");
            self.confirmed(&mut held);
        }
    }

    fn handed_out(&mut self, mailbox: usize, told: &serde_json::Value) -> Letter {
        let word = |name: &str| told[name].as_str().unwrap().to_owned();
        let letter = Letter { sender: word("from"), text: word("text") };
        self.scene.workload.check_not_confirmed(&letter);
        self.scene.trigger.saw(Seen::HandedOut);
        self.log.push(Event::HandedOut { mailbox, letter: letter.clone() });
        letter
    }
}
