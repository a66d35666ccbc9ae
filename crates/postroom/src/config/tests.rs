//! The settings and their sources.

use super::*;

fn load(
    file: Option<&str>,
    environment: &[(&str, &str)],
    overrides: &Overrides,
) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("postroom.toml");
    if let Some(text) = file {
        std::fs::write(&path, text).unwrap();
    }
    let environment =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::from_sources(file.map(|_| path.as_path()), environment, overrides)
}

fn set(settings: &[&str]) -> Overrides {
    let set = settings.iter().map(|&setting| setting.to_owned()).collect();
    Overrides { set, ..Overrides::default() }
}

fn complaint(result: Result<Config, ConfigError>) -> String {
    let message = result.unwrap_err().to_string();
    assert!(!message.contains('\n'), "one sentence: {message}");
    message
}

#[test]
fn the_documented_settings_are_all_there_are_with_their_defaults() {
    let documented: Table = toml::from_str(include_str!("../../../../docs/postroom.toml")).unwrap();
    let actual = Value::try_from(Config::default()).unwrap();
    assert_eq!(Value::Table(documented), actual);
}

#[test]
fn a_later_source_wins() {
    let file = "[mailbox]\ncapacity = 1\n[connection]\nmax = 10\npause_ms = 5\n";
    let environment =
        [("POSTROOM_MAILBOX_CAPACITY", "2"), ("POSTROOM_CONNECTION_MAX", "20"), ("HOME", "x")];
    let config = load(Some(file), &environment, &set(&["mailbox.capacity=3"])).unwrap();
    assert_eq!(config.mailbox.capacity, 3);
    assert_eq!(config.connection.max, 20);
    assert_eq!(config.connection.pause_ms, 5);
    let overrides = Overrides { capacity: Some(4), ..set(&["mailbox.capacity=3"]) };
    assert_eq!(load(Some(file), &environment, &overrides).unwrap().mailbox.capacity, 4);
}

#[test]
fn each_key_has_a_variable_of_the_environment() {
    for (key, _) in Keys::new().0 {
        let variable = key.replace('.', "_").to_uppercase();
        assert_eq!(Keys::new().find_variable(&variable), Some(key.as_str()));
    }
    let environment = [("POSTROOM_LISTEN", "mailbox=[::1]:1, mailbox-verbose=h:2")];
    let config = load(None, &environment, &Overrides::default()).unwrap();
    assert_eq!(config.listen, ["mailbox=[::1]:1", "mailbox-verbose=h:2"]);
}

#[test]
fn what_an_orchestrator_says_of_a_service_is_no_setting() {
    let environment = [
        ("POSTROOM_PORT", "tcp://10.0.0.1:4401"),
        ("POSTROOM_PORT_4401_TCP_ADDR", "10.0.0.1"),
        ("POSTROOM_SERVICE_HOST", "10.0.0.1"),
        ("POSTROOM_CLIENT_SERVER", "localhost"),
    ];
    let config = load(None, &environment, &Overrides::default()).unwrap();
    assert_eq!(config, Config::default());
}

#[test]
fn an_address_is_the_prefix_of_itself() {
    let trusted = ["192.0.2.1", "198.51.100.0/24", "2001:db8::/32", "::ffff:192.0.2.2", "::1"];
    let config = load(None, &[], &set(&[&format!("connection.trusted={}", trusted.join(", "))]));
    let prefixes = config.unwrap().connection.trusted.into_iter().map(String::from);
    let expected = ["192.0.2.1/32", "198.51.100.0/24", "2001:db8::/32", "192.0.2.2/32", "::1/128"];
    assert_eq!(prefixes.collect::<Vec<_>>(), expected);
    for wrong in ["example.org", "192.0.2.0/33", "192.0.2"] {
        let error = complaint(load(None, &[], &set(&[&format!("connection.trusted={wrong}")])));
        assert!(error.contains(&format!("\"{wrong}\" is no address and no prefix")), "{error}");
    }
}

#[test]
fn what_sets_nothing_is_told_with_its_place() {
    assert_eq!(
        complaint(load(None, &[("POSTROOM_MALBOX", "1")], &Overrides::default())),
        "there is no setting \"MALBOX\" (environment variable POSTROOM_MALBOX); \
         docs/postroom.toml lists all"
    );
    assert_eq!(
        complaint(load(None, &[], &set(&["mailbox.capacity=many"]))),
        "the setting mailbox.capacity (--set) cannot be \"many\": it must be a whole number"
    );
    assert!(complaint(load(None, &[], &set(&["mailbox.capacity"]))).contains("KEY=VALUE"));
    assert!(complaint(load(None, &[], &set(&["mailbox.capacity=0"]))).contains("at least 1"));
    let no_checks = complaint(load(None, &[], &set(&["accounts.password_checks_max=0"])));
    assert!(no_checks.contains("accounts.password_checks_max is at least 1"), "{no_checks}");
    assert!(complaint(load(None, &[], &set(&["mailbox.capacity=-1"]))).contains("range"));
    assert!(complaint(load(None, &[], &set(&["proof=hope"]))).contains("hope"));
    assert!(complaint(load(None, &[], &set(&["log.level=loud"]))).contains("trace"));
    let file = complaint(load(Some("x = 1\n"), &[], &Overrides::default()));
    assert!(file.contains("line 1") && file.contains("postroom.toml"), "{file}");
    let file = complaint(load(Some("\n[mailbox]\nsize = 1\n"), &[], &Overrides::default()));
    assert!(file.contains("line 3") && file.contains("size"), "{file}");
}
