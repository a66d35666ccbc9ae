//! The document of the API drives requests, right ones and wrong ones: whatever is asked, the
//! answer is one that the document has.

use serde_json::Value;

use crate::harness::http::{Http, Response, request};
use crate::harness::support::{Random, Server};

/// Requests of each operation.
const REQUESTS: u64 = 150;

struct Document(Value);

/// Bodies for several: right, refused, and no JSON.
const LETTERS: [&str; 10] = [
    r#"{"to":["alice"],"text":"hello"}"#,
    r#"{"to":["alice","ALICE","bob"],"text":"hello\nagain"}"#,
    r#"{"to":[],"text":"hello"}"#,
    r#"{"to":["a b"],"text":"hello"}"#,
    r#"{"to":["alice"],"text":"\u0000"}"#,
    r#"{"to":["alice"]}"#,
    r#"{"to":"alice","text":"hello"}"#,
    r#"{"to":["alice"],"text":"hello","more":1}"#,
    r#"{"to":["alice"],"text":"hello""#,
    "[[[[",
];

/// Longer than a key may be.
const LONG_KEY: &str = "0123456789012345678901234567890123456789012345678901234567890123456789\
    01234567890123456789012345678901234567890123456789012345678";

impl Document {
    fn of(server: &Server) -> Self {
        let mut http = Http::connect(server.address("http"));
        Self(http.request("GET", "/api/v1/openapi.json", "").json())
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(path) => self.0.pointer(path.strip_prefix('#').unwrap()).expect(path),
            None => value,
        }
    }

    /// Whether a value is what a schema says; what is wrong with it.
    fn check(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let schema = self.resolve(schema);
        let wrong = |what: &str| Err(format!("{what}: {value} is not {schema}"));
        let is_of_type = match schema["type"].as_str().unwrap() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_u64(),
            other => panic!("{other}"),
        };
        if !is_of_type {
            return wrong("type");
        }
        let of = |key: &str| schema[key].as_array().into_iter().flatten();
        if of("required").any(|name| value[name.as_str().unwrap()].is_null()) {
            return wrong("required");
        }
        for (name, member) in value.as_object().into_iter().flatten() {
            match &schema["properties"][name] {
                Value::Null if schema["additionalProperties"] == false => return wrong(name),
                Value::Null => {}
                schema => self.check(schema, member)?,
            }
        }
        for item in value.as_array().into_iter().flatten() {
            self.check(&schema["items"], item)?;
        }
        if let (Some(pattern), Some(text)) = (schema["pattern"].as_str(), value.as_str()) {
            let is_id = |letter: char| text.len() == 14 && text.starts_with(letter);
            let fits = match &pattern[1..2] {
                "m" => is_id('m'),
                "p" => is_id('p'),
                "[" => text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
                other => panic!("{other}"),
            };
            return if fits { Ok(()) } else { wrong("pattern") };
        }
        Ok(())
    }

    /// Fails if the document does not have this answer.
    fn expect(&self, operation: &Value, asked: &str, response: &Response) {
        let documented = &operation["responses"][response.status.to_string()];
        assert!(documented.is_object(), "{asked}: {response:?}");
        let content = self.resolve(documented)["content"].as_object();
        let Some((media, of)) = content.and_then(|content| content.iter().next()) else {
            return assert_eq!(response.body, "", "{asked}");
        };
        let told = response.header("content-type").unwrap();
        assert_eq!(told.split(';').next(), Some(media.as_str()), "{asked}");
        if media.ends_with("json") {
            self.check(&of["schema"], &response.json())
                .unwrap_or_else(|wrong| panic!("{asked}: {wrong}"));
        }
    }
}

/// A value for a parameter: mostly a right one.
fn value(random: &mut Random, path: &str, name: &str) -> String {
    let choices: &[&str] = match name {
        "name" => &["alice", "bob", "B%C3%B6b", "a%20b", "%00", "@web", "", "%ff", "x%2Fy"],
        "after" | "Last-Event-ID" if path.starts_with("/~") => {
            &["m0000000000001", "mzzzzzzzzzzzzz", "p0000000000001", "1", ""]
        }
        "channel" => &["rust", "lobby", "Ünï", "a-b", "%23rust", "%F0%9F%98%80", "@board"],
        "id" => &["m0000000000001", "m0000000000002", "mzzzzzzzzzzzzz", "p0000000000001", "m1"],
        "key" => &["0123456789abcdef0123456789abcdef", "0", "%00", ""],
        "for" => &["1s", "1h", "0s", "2h", "s", "99999999999999999999s", "-1s"],
        "wait" => &["0s", "1m1", "9h", "x"],
        "Idempotency-Key" => &["one", "two", LONG_KEY, ""],
        "ack" => &["auto", "never", ""],
        "before" | "from" | "after" | "Last-Event-ID" => {
            &["p0000000000001", "p0000000000005", "pzzzzzzzzzzzzz", "m0000000000001", "1", ""]
        }
        "since" => &["2026-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "now", "1", "%00"],
        "count" => &["1", "2", "100", "0", "101", "-1", "x", "99999999999999999999"],
        "word" => &["busy", "nothing", "%2e%2e"],
        other => panic!("{other}"),
    };
    let number = usize::try_from(random.below(choices.len() as u64)).unwrap();
    choices[if random.below(2) == 0 { 0 } else { number }].to_owned()
}

#[test]
fn every_answer_is_one_that_the_document_has() {
    let server = Server::with(&["--set", "mailbox.capacity=5"]);
    let document = Document::of(&server);
    let mut random = Random::new(13);
    for (path, methods) in document.0["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            for _ in 0..REQUESTS {
                let mut target = path.clone();
                let (mut query, mut headers) = (Vec::new(), String::new());
                for parameter in operation["parameters"].as_array().into_iter().flatten() {
                    let name = parameter["name"].as_str().unwrap();
                    let value = value(&mut random, path, name);
                    match parameter["in"].as_str().unwrap() {
                        "path" if value.is_empty() => target = target.replace("{name}", "x"),
                        "path" => target = target.replace(&format!("{{{name}}}"), &value),
                        _ if parameter["required"] == false && random.below(2) == 0 => {}
                        "query" => query.push(format!("{name}={value}")),
                        "header" => headers.push_str(&[name, ": ", &value, "\r\n"].concat()),
                        other => panic!("{other}"),
                    }
                }
                let text = ["hello", "", "a\nb", "\u{0}", &"x".repeat(9_000)];
                let is_json = operation["requestBody"]["content"]["application/json"].is_object();
                let bodies = if is_json { &LETTERS[..] } else { &text[..] };
                let body = bodies[random.index(bodies.len())];
                let body = if operation["requestBody"].is_object() { body } else { "" };
                let target = format!("{target}?{}", query.join("&"));
                let asked = request(&method.to_uppercase(), &target, body).replacen(
                    "\r\n\r\n",
                    &format!("\r\n{headers}\r\n"),
                    1,
                );
                // Each on a connection of its own: a stream ends with it.
                let mut http = Http::connect(server.address("http"));
                http.send(&asked);
                let head = http.head();
                let is_endless = head.header("content-length").is_none();
                let response = if is_endless { head } else { http.body_of(head) };
                document.expect(operation, &format!("{method} {target}"), &response);
            }
        }
    }
}
