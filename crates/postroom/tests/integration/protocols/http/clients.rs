//! Clients that others have written.

use std::process::Command;

use crate::harness::support::Server;

/// With the library that most programs in Python use.
const SCRIPT: &str = r#"
import sys, json, requests

base = "http://" + sys.argv[1]
bob, alice = requests.Session(), requests.Session()
bob.auth, alice.auth = ("bob", ""), ("alice", "")

sent = bob.post(base + "/~alice", data="Hi Alice!\nThe second line.".encode())
assert sent.status_code == 201, sent.text
leased = alice.post(base + "/~/lease", params={"for": "1m"}).json()
assert leased["text"] == "Hi Alice!\nThe second line.", leased
assert leased["id"] == sent.json()["id"]
done = alice.delete(base + "/~/" + leased["id"], params={"key": leased["key"]})
assert done.status_code == 204, done.text
again = alice.delete(base + "/~/" + leased["id"], params={"key": leased["key"]})
assert again.status_code == 410 and again.json()["type"].endswith("/expired"), again.text

posts = base + "/api/v1/channels/rust"
with alice.get(posts + "/stream", stream=True, timeout=30) as stream:
    lines = stream.iter_lines(decode_unicode=True)
    assert next(lines) == "retry: 1000"
    posted = bob.post(posts + "/posts", data="gr\u00fc\u00dfe".encode()).json()
    said = [line for line in (next(lines) for _ in range(5)) if line.startswith(("id", "data"))]
    assert said[0] == "id: " + posted["id"], said
    assert json.loads(said[1][6:])["text"] == "gr\u00fc\u00dfe", said
page = alice.get(posts + "/posts").json()
assert [post["id"] for post in page["posts"]] == [posted["id"]], page

refused = requests.get(base + "/~")
assert refused.status_code == 401 and "Basic" in refused.headers["WWW-Authenticate"]
print("done")
"#;

/// With the most common library for WebSocket in Python.
const WEBSOCKETS: &str = r#"
import sys, json, base64, threading, requests, websocket

address = sys.argv[1]
base = "http://" + address
login = {name: "Authorization: Basic " + base64.b64encode((name + ":").encode()).decode()
         for name in ("alice", "bob")}
stream = websocket.create_connection(
    "ws://" + address + "/api/v1/channels/rust/stream", timeout=30, header=[login["alice"]])
posted = [requests.post(base + "/api/v1/channels/rust/posts", data=("post %d" % number).encode(),
                        auth=("bob", "")).json() for number in range(3)]
told = [json.loads(stream.recv()) for _ in posted]
assert [post["id"] for post in told] == [post["id"] for post in posted], told
assert told[0]["event"] == "post" and told[2]["text"] == "post 2", told
stream.close()

resumed = websocket.create_connection(
    "ws://" + address + "/api/v1/channels/rust/stream?after=" + posted[0]["id"],
    timeout=30, header=[login["alice"]])
assert [json.loads(resumed.recv())["text"] for _ in range(2)] == ["post 1", "post 2"]
resumed.close()

for text in ("one", "two"):
    assert requests.post(base + "/~alice", data=text, auth=("bob", "")).status_code == 201
mail = websocket.create_connection(
    "ws://" + address + "/~/stream", timeout=30, header=[login["alice"]])
for text in ("one", "two"):
    message = json.loads(mail.recv())
    assert (message["text"], message["from"]) == (text, "bob"), message
    mail.send(json.dumps({"ack": message["id"]}))
    assert json.loads(mail.recv()) == {"event": "confirmed", "id": message["id"]}
assert requests.get(base + "/~", auth=("alice", "")).json()["unread"] == 0
mail.close()

for options in ({"origin": "https://example.org"}, {"host": "example.org"}):
    try:
        websocket.create_connection(
            "ws://" + address + "/~/stream", timeout=30, header=[login["alice"]], **options)
        raise SystemExit("let in")
    except websocket.WebSocketBadStatusException as refused:
        assert refused.status_code == 403, refused
print("done")
"#;

/// Runs a script with a Python that has these modules.
fn python(script: &str, modules: &str, packages: &str, server: &Server) {
    let has_modules = |python: &&&str| {
        let import = format!("import {modules}");
        Command::new(python).args(["-c", &import]).output().is_ok_and(|run| run.status.success())
    };
    let python = ["python3", "/usr/bin/python3"];
    let python = python.iter().find(has_modules);
    let python = python.unwrap_or_else(|| panic!("this test needs {packages}; install them"));
    let address = server.address("http").to_string();
    let output = Command::new(python).args(["-c", script, &address]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "done\n", "{errors}");
}

#[test]
fn requests_of_python_talk_to_it() {
    python(SCRIPT, "requests", "python3 and python3-requests", &Server::start());
}

#[test]
fn websocket_of_python_talks_to_it() {
    let packages = "python3, python3-requests and python3-websocket";
    python(WEBSOCKETS, "requests, websocket", packages, &Server::start());
}
