//! `postroom sessions`.

use postroom_web::{SessionLine, SessionPage};

use super::{ListArguments, RunningError, json, print};

/// Prints the sessions.
pub(crate) fn sessions(arguments: &ListArguments) -> Result<(), RunningError> {
    let mut server = arguments.folder.connect()?;
    if !arguments.json {
        print("ACCOUNT\tLOGGED IN\tLISTENER\tPEER\tSECONDS\tBYTES WAITING")?;
    }
    let mut next = Some(0);
    while let Some(from) = next {
        let page: SessionPage = server.get(&format!("/v1/sessions?from={from}"))?;
        for session in &page.sessions {
            if arguments.json {
                print(&json(session))?;
                continue;
            }
            let SessionLine { account, is_logged_in, peer, listener, age_s, output_bytes } =
                session;
            let account = account.as_deref().unwrap_or("-");
            let is_logged_in = if *is_logged_in { "yes" } else { "no" };
            print(&format!(
                "{account}\t{is_logged_in}\t{listener}\t{peer}\t{age_s}\t{output_bytes}"
            ))?;
        }
        next = page.next;
    }
    Ok(())
}
