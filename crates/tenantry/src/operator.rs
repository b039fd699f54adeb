//! The user of the operating system that runs a command, for the audit trail.

use std::path::Path;

/// The longest host name that is taken over, in characters.
const MAX_HOST_LENGTH: usize = 253;

/// Such as `alice@host`, or `root@host, sudo by alice`.
pub(crate) fn name() -> String {
    let uid = rustix::process::getuid().as_raw();
    let user = std::fs::read_to_string("/etc/passwd").ok().and_then(|accounts| user_name(&accounts, uid));
    let user = user.unwrap_or_else(|| format!("uid {uid}"));
    let by = std::env::var("SUDO_USER").ok().filter(|_| uid == 0).map(|by| clean(&by));
    let by = by.filter(|by| !by.is_empty()).map_or(String::new(), |by| format!(", sudo by {by}"));
    match host() {
        Some(host) => format!("{user}@{host}{by}"),
        None => format!("{user}{by}"),
    }
}

/// The name of a user in the text of `/etc/passwd`.
fn user_name(accounts: &str, uid: u32) -> Option<String> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, id) = (fields.next()?, fields.next()?, fields.next()?);
        (id.parse() == Ok(uid)).then(|| clean(name))
    })
}

fn host() -> Option<String> {
    let files = ["/proc/sys/kernel/hostname", "/etc/hostname"].into_iter();
    let read = files.filter_map(|file| std::fs::read_to_string(Path::new(file)).ok());
    read.chain(std::env::var("HOSTNAME").ok()).map(|name| clean(&name)).find(|name| !name.is_empty())
}

fn clean(name: &str) -> String {
    name.trim().chars().filter(|c| c.is_ascii_graphic()).take(MAX_HOST_LENGTH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_number() {
        let accounts = "root:x:0:0:root:/root:/bin/bash\nbroken\nalice:x:1000:1000::/home/alice:/bin/sh\n";
        for (uid, expected) in [(0, Some("root")), (1000, Some("alice")), (1001, None)] {
            assert_eq!(user_name(accounts, uid).as_deref(), expected, "{uid}");
        }
        assert_eq!(clean(" a\u{7}b c\n"), "abc");
        assert!(!name().is_empty());
    }
}
