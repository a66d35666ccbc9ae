//! Clients that others have written.

use std::process::Command;

use crate::harness::support::{Server, need};

/// With the library that most programs in Python use.
const SCRIPT: &str = r#"
import sys, json, requests

base = sys.argv[1]
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

#[test]
fn requests_of_python_talk_to_it() {
    let server = Server::start();
    need("python3", "python3");
    let base = format!("http://{}", server.address("http"));
    let output = Command::new("python3").args(["-c", SCRIPT, &base]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "done\n", "{errors}");
}
