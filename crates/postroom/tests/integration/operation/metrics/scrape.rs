//! Pages over HTTP, and a strict reader of the text format of Prometheus.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use crate::harness::support::Client;

pub(super) const ANY: &str = "127.0.0.1:0";
pub(super) const METRICS: &str = "--metrics=127.0.0.1:0";

/// The status and the body that answer a request.
pub(super) fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let answer = ask(address, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
    let status = head.strip_prefix("HTTP/1.1 ").and_then(|line| line.get(..3)).unwrap();
    (status.parse().unwrap(), body.to_owned())
}

/// All that answers a request.
pub(super) fn ask(address: SocketAddr, request: &str) -> String {
    let mut client = Client::connect(address);
    client.send(request);
    client.rest()
}

/// A sample: its name and its labels.
type Key = (String, BTreeMap<String, String>);

/// The samples of a metric.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) kind: String,
    samples: Vec<(Key, f64)>,
}

/// A page of metrics.
#[derive(Debug)]
pub(super) struct Scrape(pub(super) BTreeMap<String, Family>);

impl Scrape {
    pub(super) fn of(address: SocketAddr) -> Self {
        let (status, page) = get(address, "/metrics");
        assert_eq!(status, 200, "{page}");
        Self::parse(&page)
    }

    pub(super) fn parse(page: &str) -> Self {
        let mut families: BTreeMap<String, Family> = BTreeMap::new();
        let mut current = String::new();
        let mut lines = page.strip_suffix('\n').expect("the last line ends").split('\n');
        while let Some(line) = lines.next() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, text) = help.split_once(' ').unwrap();
                assert!(is_name(name) && !text.is_empty(), "{line}");
                let kind = lines.next().and_then(|line| line.strip_prefix("# TYPE "));
                let (of, kind) = kind.and_then(|kind| kind.split_once(' ')).unwrap();
                assert_eq!(of, name);
                let family = Family { kind: kind.to_owned(), samples: Vec::new() };
                assert!(families.insert(name.to_owned(), family).is_none(), "{name} comes twice");
                name.clone_into(&mut current);
                continue;
            }
            let (key, value) = sample(line);
            let family = families.get_mut(&current).expect("a sample follows its type");
            assert!(family.may_have(&current, &key.0), "{line} in {current}");
            assert!(family.samples.iter().all(|(other, _)| *other != key), "{line} comes twice");
            family.samples.push((key, value));
        }
        for (name, family) in &families {
            family.check(name);
        }
        Self(families)
    }

    /// The value of a sample without labels.
    pub(super) fn value(&self, name: &str) -> f64 {
        self.labelled(name, &[])
    }

    /// The value of a sample with these labels.
    pub(super) fn labelled(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let labels = labels.iter().map(|(label, value)| ((*label).into(), (*value).into()));
        let key = (name.to_owned(), labels.collect());
        let mut samples = self.0.values().flat_map(|family| &family.samples);
        let found = samples.find(|(other, _)| *other == key);
        found.unwrap_or_else(|| panic!("no {key:?}")).1
    }

    /// All names of samples.
    pub(super) fn names(&self) -> BTreeSet<&str> {
        let samples = self.0.values().flat_map(|family| &family.samples);
        samples.map(|((name, _), _)| name.as_str()).collect()
    }
}

impl Family {
    /// The labels of the samples, with all their values.
    pub(super) fn labels(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut all: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (label, value) in self.samples.iter().flat_map(|((_, labels), _)| labels) {
            all.entry(label).or_default().insert(value);
        }
        all
    }

    fn may_have(&self, family: &str, sample: &str) -> bool {
        matches!(
            (self.kind.as_str(), sample.strip_prefix(family)),
            ("counter" | "gauge", Some("")) | ("histogram", Some("_bucket" | "_sum" | "_count"))
        )
    }

    /// What is so of a metric of its kind.
    fn check(&self, name: &str) {
        assert_eq!(self.kind == "counter", name.ends_with("_total"), "{name}");
        assert!(!self.samples.is_empty(), "{name} has no sample");
        assert!(self.samples.iter().all(|(_, value)| *value >= 0.0), "{name}");
        if self.kind != "histogram" {
            return;
        }
        assert!(name.ends_with("_seconds"), "{name}");
        let of = |suffix: &'static str| {
            let samples = self.samples.iter();
            samples.filter(move |((sample, _), _)| sample.strip_prefix(name) == Some(suffix))
        };
        let mut before = (f64::NEG_INFINITY, 0.0);
        for ((_, labels), count) in of("_bucket") {
            let bound: f64 = labels["le"].parse().unwrap();
            assert!(bound > before.0 && *count >= before.1, "{name} {labels:?}");
            before = (bound, *count);
        }
        let (_, count) = of("_count").next().unwrap();
        assert_eq!(before, (f64::INFINITY, *count), "the last bucket of {name} has all");
        assert_eq!(of("_sum").count(), 1, "{name}");
    }
}

fn is_name(word: &str) -> bool {
    !word.is_empty()
        && word
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// A line of a sample.
fn sample(line: &str) -> (Key, f64) {
    let (key, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line:?}"));
    let (name, labels) = match key.split_once('{') {
        Some((name, labels)) => (name, labels.strip_suffix('}').expect("labels end")),
        None => (key, ""),
    };
    assert!(is_name(name), "{line}");
    let mut all = BTreeMap::new();
    for label in labels.split(',').filter(|label| !label.is_empty()) {
        let (label, value) = label.split_once('=').unwrap();
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap();
        assert!(is_name(label) && !value.contains(['"', '\\']), "{line}");
        assert!(all.insert(label.to_owned(), value.to_owned()).is_none(), "{line}");
    }
    let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
    assert!(value.is_finite(), "{line}");
    ((name.to_owned(), all), value)
}
