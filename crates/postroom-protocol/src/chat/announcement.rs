//! The line that announces the users who joined or left within a short time.
//!
//! ```text
//! mary has joined (2 users active)
//! mary and bob have joined, eve has left (2 users active)
//! ann, bob, cat, dan, eve and 12 more have joined (20 users active)
//! ```
//!
//! A name has no space, comma, colon or parenthesis. So nobody can write such a line: in
//! a line of a post the author's name is followed by a colon or a parenthesis. And the
//! line has one meaning, even if a user calls itself `and`, `has` or `12`.

use std::io::{self, Write as _};

use postroom_model::{Announcement, NameList};

/// Appends the line of an announcement, unless it announces nobody.
pub(super) fn push_announcement(line: &mut Vec<u8>, announcement: &Announcement) {
    let Announcement { joined, left, active } = announcement;
    if joined.is_empty() && left.is_empty() {
        return;
    }
    // Writing to memory does not fail.
    let _ = write_list(line, joined, "joined");
    if !joined.is_empty() && !left.is_empty() {
        line.extend_from_slice(b", ");
    }
    let _ = write_list(line, left, "left");
    let users = if *active == 1 { "user" } else { "users" };
    let _ = writeln!(line, " ({active} {users} active)");
}

fn write_list(line: &mut Vec<u8>, list: &NameList, what: &str) -> io::Result<()> {
    let Some((first, rest)) = list.names.split_first() else {
        return Ok(());
    };
    line.extend_from_slice(first.as_str().as_bytes());
    for (place, name) in rest.iter().enumerate() {
        let is_last = place + 1 == rest.len() && list.others == 0;
        write!(line, "{}{name}", if is_last { " and " } else { ", " })?;
    }
    if list.others > 0 {
        write!(line, " and {} more", list.others)?;
    }
    let is_one = rest.is_empty() && list.others == 0;
    write!(line, " {} {what}", if is_one { "has" } else { "have" })
}

#[cfg(test)]
mod tests {
    use postroom_model::{NAMES_ANNOUNCED_MAX, Name};
    use proptest::prelude::*;

    use super::*;

    fn line(announcement: &Announcement) -> String {
        let mut line = Vec::new();
        push_announcement(&mut line, announcement);
        String::from_utf8(line).unwrap()
    }

    fn list(names: &[&str], others: usize) -> NameList {
        NameList { names: names.iter().map(|name| Name::new(name).unwrap()).collect(), others }
    }

    #[test]
    fn a_line_names_those_who_joined_and_those_who_left() {
        let five = ["ann", "bob", "cat", "dan", "eve"];
        for (joined, left, active, expected) in [
            (list(&["mary"], 0), list(&[], 0), 1, "mary has joined (1 user active)\n"),
            (list(&[], 0), list(&["mary"], 0), 2, "mary has left (2 users active)\n"),
            (list(&five[..2], 0), list(&[], 0), 3, "ann and bob have joined (3 users active)\n"),
            (
                list(&[], 0),
                list(&five, 0),
                0,
                "ann, bob, cat, dan and eve have left (0 users active)\n",
            ),
            (
                list(&five, 12),
                list(&["fay"], 0),
                9,
                "ann, bob, cat, dan, eve and 12 more have joined, fay has left (9 users active)\n",
            ),
            (list(&[], 0), list(&[], 0), 9, ""),
        ] {
            assert_eq!(line(&Announcement { joined, left, active }), expected);
        }
    }

    /// Reads a list and what its accounts did; returns what follows.
    fn parse_list<'a>(mut words: &'a [&'a str]) -> (NameList, &'a str, &'a [&'a str]) {
        let mut list = NameList::default();
        loop {
            let (name, rest) = words.split_first().unwrap();
            let bare = name.strip_suffix(',');
            list.names.push(Name::new(bare.unwrap_or(name)).unwrap());
            words = rest;
            if bare.is_some() {
                continue;
            }
            match words {
                ["and", others, "more", rest @ ..] => {
                    list.others = others.parse().unwrap();
                    words = rest;
                }
                ["and", rest @ ..] => {
                    words = rest;
                    continue;
                }
                _ => {}
            }
            let is_one = list.names.len() + list.others == 1;
            assert_eq!(words[0], if is_one { "has" } else { "have" });
            return (list, words[1], &words[2..]);
        }
    }

    /// What a line announces: there is only one way to read it.
    fn parse(line: &str) -> Announcement {
        let (lists, count) = line.trim_end().rsplit_once(" (").unwrap();
        let active = count.split(' ').next().unwrap().parse().unwrap();
        let words: Vec<_> = lists.split(' ').collect();
        let (first, what, rest) = parse_list(&words);
        match what {
            "left" => Announcement { joined: NameList::default(), left: first, active },
            "joined" => Announcement { joined: first, left: NameList::default(), active },
            _ => {
                assert_eq!(what, "joined,");
                let (left, what, rest) = parse_list(rest);
                assert_eq!((what, rest.len()), ("left", 0));
                Announcement { joined: first, left, active }
            }
        }
    }

    fn any_list() -> impl Strategy<Value = NameList> {
        let word = "and|has|have|joined|left|more|12|active|[a-z;.+0-9]{1,3}x";
        let name = word.prop_map(|word| Name::new(&word).unwrap());
        let names = prop::collection::vec(name, 0..=NAMES_ANNOUNCED_MAX);
        (names, 0..20_usize).prop_map(|(names, others)| {
            let others = if names.len() == NAMES_ANNOUNCED_MAX { others } else { 0 };
            NameList { names, others }
        })
    }

    proptest! {
        #[test]
        fn a_line_has_one_meaning_whatever_the_names(
            joined in any_list(),
            left in any_list(),
            active in 0..50_u32,
        ) {
            prop_assume!(!joined.is_empty() || !left.is_empty());
            let announcement = Announcement { joined, left, active };
            prop_assert_eq!(parse(&line(&announcement)), announcement);
        }
    }
}
