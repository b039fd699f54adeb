//! The commands that work over HTTP: somebody at a desk of their own, with a server's URL and a key.

mod billing;
mod help;
mod import;
mod interrupted;
mod output;
mod resources;
mod session;

use crate::support::{Api, command};
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A folder with files and profiles of one's own, and no database.
pub(crate) struct Desk {
    folder: TempDir,
    url: Option<String>,
    key: String,
}

impl Desk {
    /// Where nobody is signed in yet.
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("tenantry-desk-").tempdir().unwrap();
        Desk { folder, url: None, key: String::new() }
    }

    /// Where the environment names the server and the key.
    pub(crate) fn of(api: &Api) -> Self {
        Desk { url: Some(format!("http://{}", api.address)), key: api.key.clone(), ..Desk::new() }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file in the folder.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.folder().join(name), bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder().join(name)).unwrap()
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = command(self.folder(), args);
        command.env("XDG_CONFIG_HOME", self.folder().join("config"));
        if let Some(url) = &self.url {
            command.env("TENANTRY_URL", url).env("TENANTRY_API_KEY", &self.key);
        }
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        Ran::of(args, self.command(args).stdin(Stdio::null()).output().unwrap())
    }

    /// With this on standard input.
    pub(crate) fn run_with(&self, args: &[&str], input: impl AsRef<[u8]>) -> Ran {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command may refuse what it is given before it has read all of it.
        drop(child.stdin.take().unwrap().write_all(input.as_ref()));
        Ran::of(args, child.wait_with_output().unwrap())
    }

    /// What a command that succeeds prints.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        self.run(args).ok()
    }

    /// The JSON that a command that succeeds prints.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let printed = self.ok(&[args, &["--json"]].concat());
        serde_json::from_str(&printed).unwrap_or_else(|e| panic!("{args:?}: {e}: {printed}"))
    }
}

/// How a command has ended.
#[derive(Debug)]
pub(crate) struct Ran {
    args: String,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    fn of(args: &[&str], output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        assert!(!stderr.contains("panicked"), "{args:?}: {stderr}");
        Ran { args: args.join(" "), code: output.status.code(), stdout, stderr }
    }

    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}: {}{}", self.args, self.stdout, self.stderr);
        self.stdout
    }

    /// It has failed with this status, has said this, and has printed nothing.
    pub(crate) fn fails(&self, code: i32, why: &str) {
        assert_eq!(self.code, Some(code), "{}: {}", self.args, self.stderr);
        assert!(self.stderr.contains(why), "{}: {:?} is not in {}", self.args, why, self.stderr);
        assert_eq!(self.stdout, "", "{}", self.args);
    }
}
