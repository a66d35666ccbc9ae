use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::arguments::{ChatArguments, DefaultsArguments, ServerArguments, TlsArguments};

const PIN: &str = "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:\
                   00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF";

/// A user's folder with a file of defaults, an environment and a command line.
struct Case {
    home: TempDir,
    variables: Vec<(&'static str, String)>,
    arguments: ChatArguments,
}

impl Case {
    fn new(file: &str) -> Self {
        let home = TempDir::new().unwrap();
        let folder = home.path().join(".config/postroom");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("client.toml"), file).unwrap();
        let arguments = ChatArguments {
            server: ServerArguments::default(),
            name: None,
            password_file: None,
            timeout: std::time::Duration::from_secs(1),
            no_reconnect: false,
            no_history: false,
            tls: TlsArguments::default(),
            defaults: DefaultsArguments::default(),
        };
        let variables = vec![("HOME", home.path().to_str().unwrap().to_owned())];
        Self { home, variables, arguments }
    }

    fn with(mut self, variable: &'static str, value: &str) -> Self {
        self.variables.push((variable, value.to_owned()));
        self
    }

    fn given(mut self, change: impl FnOnce(&mut ChatArguments)) -> Self {
        change(&mut self.arguments);
        self
    }

    fn try_chat(&self) -> Result<Settings, SettingsError> {
        let environment = self.variables.iter().cloned().collect();
        Settings::new(Client::Chat, self.arguments.given()?, &environment)
    }

    fn chat(&self) -> Settings {
        self.try_chat().unwrap()
    }

    fn complaint(&self) -> String {
        self.try_chat().unwrap_err().to_string().replace(self.home.path().to_str().unwrap(), "~")
    }
}

fn address(words: &str) -> impl FnOnce(&mut ChatArguments) {
    let mut words = words.split(' ').map(str::to_owned);
    let (address, port) = (words.next(), words.next().map(|port| port.parse().unwrap()));
    move |arguments| arguments.server = ServerArguments { address, port, server: None }
}

#[test]
fn the_command_line_precedes_the_environment_the_file_and_what_is_built_in() {
    let chosen = |case: Case| {
        let settings = case.chat();
        (settings.server.to_string(), settings.name.unwrap_or_default())
    };
    let all = "[chat]\nserver = 'd:4'\nname = 'dora'\n";
    let file = "server = 'c:3'\nname = 'cleo'\n";
    let both = format!("{file}{all}");
    let pair = |server: &str, name: &str| (server.to_owned(), name.to_owned());
    assert_eq!(chosen(Case::new("")), pair("127.0.0.1:4405", ""));
    assert_eq!(chosen(Case::new(file)), pair("c:3", "cleo"));
    assert_eq!(chosen(Case::new(&both)), pair("d:4", "dora"));
    let with = || {
        let case = Case::new(&both).with("POSTROOM_CLIENT_SERVER", "b:2");
        case.with("POSTROOM_CLIENT_NAME", "bob")
    };
    assert_eq!(chosen(with()), pair("b:2", "bob"));
    assert_eq!(chosen(with().given(address("a 1"))), pair("a:1", "bob"));
    let name = |arguments: &mut ChatArguments| arguments.name = Some("ann".to_owned());
    assert_eq!(chosen(with().given(name)), pair("b:2", "ann"));
    // An empty variable is none, and neither are those of other tables.
    assert_eq!(chosen(Case::new(file).with("POSTROOM_CLIENT_NAME", "")), pair("c:3", "cleo"));
    assert_eq!(chosen(Case::new("[im]\nserver = 'd:4'\n")), pair("127.0.0.1:4405", ""));
}

#[test]
fn the_default_port_is_that_of_the_listener_and_of_tls() {
    let environment = Environment::from_iter([("POSTROOM_CLIENT_TLS", "true")]);
    let plain = Environment::default();
    for (client, port) in [
        (Client::Send, 4_401),
        (Client::Read { follows: false }, 4_401),
        (Client::Read { follows: true }, 4_406),
        (Client::Mail { is_strict: true }, 4_401),
        (Client::Mail { is_strict: false }, 4_402),
        (Client::Im, 4_403),
        (Client::Board, 4_404),
        (Client::Chat, 4_405),
        (Client::Tail, 4_406),
        (Client::Post, 4_406),
        (Client::History, 4_406),
    ] {
        let new = |environment| {
            let given = Case::new("").arguments.given().unwrap();
            Settings::new(client, given, environment).unwrap().server.port()
        };
        assert_eq!((new(&plain), new(&environment)), (port, port + 1_000), "{client:?}");
    }
}

#[test]
fn an_address_of_http_is_refused_by_clients_that_do_not_speak_it() {
    let told = |client, server: &str| {
        let environment = Environment::from_iter([("POSTROOM_CLIENT_SERVER", server)]);
        let given = Case::new("").arguments.given().unwrap();
        Settings::new(client, given, &environment).map(|settings| settings.server.port())
    };
    let follow = Client::Read { follows: true };
    for client in [Client::Send, Client::Read { follows: false }] {
        for (server, port) in
            [("h", 4_401), ("postrooms://h", 5_401), ("http://h", 4_406), ("https://h", 5_406)]
        {
            assert_eq!(told(client, server).unwrap(), port, "{client:?} {server}");
        }
    }
    for client in [follow, Client::Tail, Client::Post, Client::History] {
        for (server, port) in [
            ("h", 4_406),
            ("h:1", 1),
            ("postroom://h", 4_406),
            ("postrooms://h", 5_406),
            ("http://h", 4_406),
            ("https://h", 5_406),
        ] {
            assert_eq!(told(client, server).unwrap(), port, "{client:?} {server}");
        }
    }
    for client in [Client::Mail { is_strict: true }, Client::Im, Client::Chat, Client::Board] {
        for server in ["http://h", "https://h:1"] {
            let error = told(client, server).unwrap_err();
            assert!(!error.is_of_command_line());
            let said = "does not speak HTTP: give the address as h, or use postroom send, read";
            assert!(error.to_string().contains(said), "{error}");
            assert!(error.to_string().contains("client.toml or POSTROOM_CLIENT_SERVER"), "{error}");
        }
    }
    let given = |arguments: &mut ChatArguments| {
        arguments.server.address = Some("http://h".to_owned());
    };
    let error = Case::new("").given(given).try_chat().unwrap_err();
    assert!(error.is_of_command_line() && !error.to_string().contains("client.toml"), "{error}");
}

#[test]
fn tls_stays_unless_it_is_refused_in_words() {
    let system = Security::Tls(Anchor::System);
    let pinned = Security::Tls(Anchor::Pin(PIN.parse().unwrap()));
    let ca = |path: &str| Security::Tls(Anchor::Authorities(path.into()));
    let tls = |tls| move |arguments: &mut ChatArguments| arguments.tls = tls;
    let none = TlsArguments::default;
    for file in ["tls = true", "server = 'postrooms://h'", "[chat]\ntls = true"] {
        for words in ["h", "h 4405", "other:1", "postroom://h", "postrooms://h"] {
            let case = Case::new(file).given(address(words));
            assert_eq!(case.chat().security, system, "{file} {words}");
        }
        let case = Case::new(file).given(tls(TlsArguments { no_tls: true, ..none() }));
        assert_eq!(case.chat().security, Security::Plain);
        let case = Case::new(file).with("POSTROOM_CLIENT_TLS", "false");
        assert_eq!(case.chat().security, Security::Plain);
        let file = format!("{file}\n[im]\ntls = false\n");
        assert_eq!(Case::new(&file).chat().security, system);
    }
    // Asking again does not trust anyone else.
    let file = format!("pin = '{PIN}'");
    assert_eq!(Case::new(&file).chat().security, pinned);
    let again = TlsArguments { tls: true, ..none() };
    assert_eq!(Case::new(&file).given(tls(again)).chat().security, pinned);
    let other = TlsArguments { ca: Some("ca.pem".into()), ..none() };
    assert_eq!(Case::new(&file).given(tls(other)).chat().security, ca("ca.pem"));
    let table = format!("{file}\n[chat]\ntls = false\n");
    assert_eq!(Case::new(&table).chat().security, Security::Plain);
    assert_eq!(Case::new("").chat().security, Security::Plain);
}

#[test]
fn a_password_file_is_for_the_server_and_the_name_beside_it() {
    let file = "server = 'h'\nname = 'ann'\npassword_file = '/secret'\n";
    let password = |case: Case| case.chat().password_file;
    let used = Some("/secret".into());
    let name = |name: &'static str| {
        move |arguments: &mut ChatArguments| arguments.name = Some(name.to_owned())
    };
    assert_eq!(password(Case::new(file)), used);
    for words in ["h", "H:9", "postrooms://h"] {
        assert_eq!(password(Case::new(file).given(address(words))), used, "{words}");
    }
    assert_eq!(password(Case::new(file).given(name("ANN"))), used);
    assert_eq!(password(Case::new(file).given(address("elsewhere 4405"))), None);
    assert_eq!(password(Case::new(file).given(name("bob"))), None);
    assert_eq!(password(Case::new(file).given(name("b b"))), None);
    assert_eq!(password(Case::new(file).with("POSTROOM_CLIENT_SERVER", "elsewhere")), None);
    assert_eq!(password(Case::new(&format!("{file}[chat]\nname = 'bob'\n"))), None);
    let both = format!("{file}[chat]\nname = 'bob'\npassword_file = '/bobs'\n");
    assert_eq!(password(Case::new(&both)), Some("/bobs".into()));
    // Where none is named beside it, it is for any.
    let alone = "password_file = '/secret'\n";
    assert_eq!(password(Case::new(alone).given(address("h")).given(name("bob"))), used);
}

#[test]
fn paths_of_the_file_begin_at_its_folder_or_at_home() {
    for (written, path) in [
        ("secret", ".config/postroom/secret"),
        ("~/secret", "secret"),
        ("/secret", "/secret"),
        ("a/~/b", ".config/postroom/a/~/b"),
    ] {
        let case = Case::new(&format!("password_file = '{written}'"));
        assert_eq!(case.chat().password_file, Some(case.home.path().join(path)));
    }
    let case = Case::new("").with("POSTROOM_CLIENT_PASSWORD_FILE", "secret");
    assert_eq!(case.chat().password_file.as_deref(), Some(Path::new("secret")));
}

#[test]
fn the_file_is_where_the_variables_say() {
    let (case, other) = (Case::new("name = 'home'"), TempDir::new().unwrap());
    std::fs::create_dir(other.path().join("postroom")).unwrap();
    std::fs::write(other.path().join("postroom/client.toml"), "name = 'xdg'").unwrap();
    let other = other.path().to_str().unwrap();
    assert_eq!(case.chat().name.as_deref(), Some("home"));
    for (value, name) in [(other, Some("xdg")), ("", Some("home")), ("relative", Some("home"))] {
        let case = Case::new("name = 'home'").with("XDG_CONFIG_HOME", value);
        assert_eq!(case.chat().name.as_deref(), name, "{value}");
    }
    let case = Case::new("name = 'home'").with("XDG_CONFIG_HOME", "/nonexistent");
    assert_eq!(case.chat().name, None);
    let none = DefaultsArguments { config: None, no_config: true };
    let case = Case::new("name = 'home'").given(|arguments| arguments.defaults = none);
    assert_eq!(case.chat().name, None);
    let path = Some(Path::new(other).join("postroom/client.toml"));
    let this = DefaultsArguments { config: path, no_config: false };
    let case = Case::new("name = 'home'").given(|arguments| arguments.defaults = this);
    assert_eq!(case.chat().name.as_deref(), Some("xdg"));
    let missing = DefaultsArguments { config: Some("/nonexistent".into()), no_config: false };
    let case = Case::new("").given(|arguments| arguments.defaults = missing);
    assert!(case.complaint().starts_with("cannot read /nonexistent: "), "{}", case.complaint());
}

#[test]
fn each_mistake_in_the_file_has_its_line_and_its_key() {
    let file = "~/.config/postroom/client.toml";
    for (text, told) in [
        ("servr = 'h'", "line 1: there is no key \"servr\"; the keys here are server, name,"),
        ("\n\n[chat]\nservr = 'h'", "line 4: there is no key \"chat.servr\""),
        ("[board]\nname = 'x'", "line 2: there is no key \"board.name\"; the keys here are server"),
        ("[read]\nnamme = 'x'", "line 2: there is no key \"read.namme\""),
        ("[chatt]\nname = 'x'", "line 1: there is no table [chatt]; the tables are [mail], "),
        ("chat = 'h'", "line 1: there is no key \"chat\""),
        ("[server]\nhost = 'h'", "line 1: server cannot be used: it must be a text in quotes"),
        ("name = 'x'\nserver = 4405", "line 2: server cannot be used: it must be a text in"),
        ("server = 'h:x'", "line 1: server cannot be used: the port must be a number"),
        ("server = 'ftp://h'", "line 1: server cannot be used: an address begins with"),
        ("name = 'a b'", "line 1: name cannot be used: "),
        ("tls = 'true'", "line 1: tls cannot be used: it must be true or false, without quotes"),
        ("pin = 'x'", "line 1: pin cannot be used: it must be a SHA-256 fingerprint"),
        ("ca = ''", "line 1: ca cannot be used: it must be the path of a file"),
        ("name = 'x'\nname = 'y'", "line 2: duplicate key"),
        ("server = h", "line 1: "),
        ("tls = false\nca = 'x'", "line 2: ca and pin ask for TLS, and tls = false refuses it"),
        ("[im]\nserver = 'postrooms://h'\ntls = false", "line 3: the address asks for TLS"),
        (&format!("pin = '{PIN}'\nca = 'x'"), "line 2: ca and pin cannot both hold"),
    ] {
        let complaint = Case::new(text).complaint();
        assert!(complaint.starts_with(&format!("{file}, {told}")), "{text}: {complaint}");
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
    }
    let complaint = Case::new(&format!("#{}", "x".repeat(70_000))).complaint();
    assert!(complaint.contains("it has more than 65536 bytes"), "{complaint}");
    let folder = Case::new("");
    std::fs::remove_file(folder.home.path().join(".config/postroom/client.toml")).unwrap();
    assert!(folder.try_chat().is_ok());
    std::fs::create_dir(folder.home.path().join(".config/postroom/client.toml")).unwrap();
    assert!(folder.complaint().starts_with(&format!("cannot read {file}: ")));
}

#[test]
fn each_mistake_in_the_environment_and_the_command_line_names_what_is_wrong() {
    for (variable, value, told) in [
        ("POSTROOM_CLIENT_SERVR", "h", "there is no variable POSTROOM_CLIENT_SERVR; the variables"),
        ("POSTROOM_CLIENT_TLS", "yes", "variable POSTROOM_CLIENT_TLS: tls cannot be used: it must"),
        ("POSTROOM_CLIENT_SERVER", "::1", "POSTROOM_CLIENT_SERVER: server cannot be used: an IPv6"),
    ] {
        let complaint = Case::new("").with(variable, value).complaint();
        assert!(complaint.contains(told), "{complaint}");
    }
    for variable in ["POSTROOM_CLIENT_PORT", "POSTROOM_CLIENT_SERVICE_HOST", "POSTROOM_X"] {
        assert!(Case::new("").with(variable, "x").try_chat().is_ok(), "{variable}");
    }
    let complaint = Case::new("").given(address("h:1 2")).complaint();
    assert_eq!(complaint, "\"h:1\" is not the address of a server: the port is given twice");
    let no_tls = TlsArguments { no_tls: true, ..TlsArguments::default() };
    let case = Case::new("").given(address("postrooms://h"));
    let complaint = case.given(|arguments| arguments.tls = no_tls).complaint();
    assert!(complaint.starts_with("the command line: the address asks for TLS"), "{complaint}");
}

#[test]
fn history_and_coming_back_are_refused_in_any_source() {
    let case = Case::new("");
    let settings = case.chat();
    let file = case.home.path().join(".local/state/postroom/chat_history");
    assert_eq!((settings.history, settings.reconnects), (Some(file), true));
    let elsewhere = Case::new("").with("XDG_STATE_HOME", "/state").chat().history;
    assert_eq!(elsewhere, Some("/state/postroom/chat_history".into()));
    let option = |arguments: &mut ChatArguments| {
        (arguments.no_history, arguments.no_reconnect) = (true, true);
    };
    let on = "history = true\nreconnect = true\n";
    for case in [
        Case::new("history = false\nreconnect = false"),
        Case::new(&format!("{on}[chat]\nhistory = false\nreconnect = false")),
        Case::new(on)
            .with("POSTROOM_CLIENT_HISTORY", "false")
            .with("POSTROOM_CLIENT_RECONNECT", "false"),
        Case::new(on).given(option),
    ] {
        let settings = case.chat();
        assert_eq!((settings.history, settings.reconnects), (None, false));
    }
    for text in ["[send]\nhistory = false", "[mail]\nreconnect = false", "history = 'x'"] {
        assert!(Case::new(text).try_chat().is_err(), "{text}");
    }
    assert!(Case::new("[im]\nhistory = false").chat().history.is_some());
}
