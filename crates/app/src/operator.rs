//! The operator: the user of the operating system who runs a command on the database.

use std::sync::OnceLock;

static NAME: OnceLock<String> = OnceLock::new();

/// Names the user of the operating system that runs this process, and its host, such as `alice@host`: the audit trail has it
/// as the origin of what the process changes as a command. Only the first call counts, because a process has one user.
pub fn set_operator(name: String) {
    let _ = NAME.set(name);
}

/// The origin of a command's events.
pub(crate) fn origin() -> String {
    NAME.get().map_or("command line".to_owned(), |name| format!("command line: {name}"))
}
