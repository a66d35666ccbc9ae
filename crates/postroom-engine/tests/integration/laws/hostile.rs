//! Properties of every protocol, for all input.

use std::time::Duration;

use postroom_engine::{EngineSettings, What};
use postroom_protocol::{PROTOCOLS, Protocol};
use postroom_simulator::{Driver, PeerKey, set_password};
use postroom_store::Limits;
use postroom_testing::terminal::{check_safe, without_refusals};
use proptest::prelude::*;

/// Valid and invalid input of clients.
const WORDS: &[&[u8]] = &[
    b"LOGIN bob",
    b"COMPOSE alice",
    b"COMPOSE bob alice hi",
    b"READ",
    b"READ bob",
    b"PASS x",
    b"/login bob 1",
    b"/port 30232",
    b"/list",
    b"/to alice hi",
    b"/toall hi",
    b"/setname bob",
    b"/all hi",
    b"/private alice hi",
    b"/join #rust",
    b"/say #rust hi",
    b"/read",
    b"/inbox",
    b"/allusers",
    b"302 Message receipt successful",
    b"u",
    b"d",
    b"t",
    b"s",
    b"#rust",
    b"\n",
    b"\n",
    b"\n",
    b"\r\n",
    b" ",
    b"\0",
    b"\x1b]0;x\x07",
    b"\xff\xfd\x06",
    b"\xff\xfa\x1f\xff\xf0",
    b"\xff",
    b"\xc3",
    "\u{202e}é日".as_bytes(),
    b"EXIT",
];

/// A text with sequences that a terminal would execute.
const HOSTILE: &str = "\u{1b}[2J\u{9b}31m\u{8}\u{202e}ev\ril";

/// An event of the test.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Bytes(usize),
    BackBytes(usize),
    DeliveryReceipt,
    /// Another client posts in a channel, to the board too.
    Post,
    /// Another client sends it a live line.
    Told,
    /// Another client stores a message in its mailbox.
    Mail,
    Elapsed(Duration),
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let pause = Duration::from_millis(300);
    let times = [pause, Duration::from_secs(5), Duration::from_hours(1)];
    let happening = prop_oneof![
        12 => (0..WORDS.len()).prop_map(Happening::Bytes),
        2 => (0..WORDS.len()).prop_map(Happening::BackBytes),
        2 => Just(Happening::DeliveryReceipt),
        1 => Just(Happening::Post),
        1 => Just(Happening::Told),
        1 => Just(Happening::Mail),
        1 => prop::sample::select(times.to_vec()).prop_map(Happening::Elapsed),
    ];
    prop::collection::vec(happening, 0..60)
}

/// Input after which a client can use the most commands.
fn prelude(protocol: &Protocol) -> &'static [u8] {
    match protocol.name {
        "im" => b"/login bob 1\n/port 30232\n",
        "board" => b"s\n#rust\n",
        "chat" => b"/setname bob\n/join #rust\n",
        _ => b"LOGIN bob\n",
    }
}

/// A client of one protocol, and eve, who is on chat.
struct Bench {
    driver: Driver,
    client: PeerKey,
    eve: PeerKey,
}

impl Bench {
    fn begin(protocol: &Protocol) -> Self {
        let mut driver = Driver::new(EngineSettings::default(), Limits::default());
        if protocol.name == "im" {
            let (disk, limits) = (driver.disk.clone(), driver.limits());
            driver.stop_abruptly();
            set_password(&disk, limits, "bob", "1");
            driver.start();
        }
        let eve = driver.connect("chat");
        driver.send(eve, b"/setname eve\n");
        driver.settle();
        let client = driver.connect(protocol.name);
        driver.listen(client);
        Self { driver, client, eve }
    }

    fn bytes(&mut self, bytes: &[u8], part: usize, settles: bool) {
        for bytes in bytes.chunks(part) {
            self.driver.send(self.client, bytes);
            if settles {
                self.driver.settle();
            }
        }
        self.driver.settle();
    }

    fn back_bytes(&mut self, bytes: &[u8]) {
        if let Some(back) = self.driver.back(self.client) {
            self.driver.send(back, bytes);
            self.driver.settle();
        }
    }

    fn eve_says(&mut self, command: &str) {
        self.driver.send(self.eve, format!("{command} {HOSTILE}\n").as_bytes());
        self.driver.settle();
    }

    fn happen(&mut self, happening: Happening, part: usize) {
        match happening {
            Happening::Bytes(word) => self.bytes(WORDS[word], part, true),
            Happening::BackBytes(word) => self.back_bytes(WORDS[word]),
            Happening::DeliveryReceipt => self.back_bytes(b"302\n"),
            Happening::Post => {
                self.eve_says("/all");
                self.eve_says("/say #rust");
            }
            Happening::Told => self.eve_says("/private bob"),
            Happening::Mail => self.eve_says("/send bob"),
            Happening::Elapsed(time) => self.driver.pass(time),
        }
    }

    /// All output of the client, without the refusals of telnet options.
    fn shown(&mut self) -> String {
        shown(&self.driver.look(self.client))
    }

    /// Why the client's connection has ended, if it has.
    fn end(&self) -> Option<&'static str> {
        self.driver.is_closed(self.client).then_some(())?;
        self.driver.log.iter().find_map(|what| match what {
            What::Disconnected(reason, _) => Some(*reason),
            _ => None,
        })
    }
}

fn shown(bytes: &[u8]) -> String {
    check_safe("the output", &without_refusals(bytes))
}

proptest! {
    #[test]
    fn no_client_makes_the_engine_panic_or_say_what_a_terminal_obeys(
        happenings in happenings(),
        part in 1..9_usize,
        is_known in any::<bool>(),
    ) {
        for protocol in PROTOCOLS {
            let mut bench = Bench::begin(protocol);
            if is_known {
                bench.bytes(prelude(protocol), 100, true);
            }
            for happening in &happenings {
                bench.happen(*happening, part);
            }
            let mut all = vec![bench.shown()];
            if let Some(back) = bench.driver.back(bench.client) {
                all.push(shown(&bench.driver.look(back)));
            }
            for said in all {
                prop_assert!(said.lines().all(|line| line.len() <= 32_768));
            }
        }
    }

    /// Commits either after each part of the input or at the end.
    #[test]
    fn any_split_of_the_same_input_is_answered_alike(
        words in prop::collection::vec(0..WORDS.len(), 0..60),
        part in 1..9_usize,
        is_known in any::<bool>(),
        settles in any::<bool>(),
    ) {
        let words: Vec<u8> = words.iter().flat_map(|word| WORDS[*word]).copied().collect();
        for protocol in PROTOCOLS {
            let prelude = if is_known { prelude(protocol) } else { &[] };
            let input = [prelude, &words].concat();
            let (mut whole, mut parts) = (Bench::begin(protocol), Bench::begin(protocol));
            whole.bytes(&input, input.len().max(1), true);
            parts.bytes(&input, part, settles);
            prop_assert_eq!(whole.shown(), parts.shown(), "{}", protocol.name);
            for bench in [&mut whole, &mut parts] {
                bench.driver.half_close(bench.client);
                bench.driver.pass(Duration::from_secs(2));
            }
            prop_assert_eq!(whole.shown(), parts.shown(), "{}", protocol.name);
            prop_assert_eq!(whole.end(), parts.end());
        }
    }
}
