//! System calls of a running server that fail, or do nothing.

use crate::Server;
use crate::disk::skipped;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};

/// At work for as long as this value lives.
pub struct Strace {
    child: Child,
    _said: BufReader<ChildStderr>,
}

impl Strace {
    /// `inject` as strace's `-e inject=` has it. `None`, said aloud, where strace is not here or may not.
    pub fn inject(server: &Server, inject: &str) -> Option<Self> {
        let calls = inject.split(':').next().unwrap();
        let mut command = Command::new("strace");
        command.args([
            "-f",
            "-o",
            "/dev/null",
            "-e",
            &format!("trace={calls}"),
            "-e",
            &format!("inject={inject}"),
        ]);
        command.args(["-p", &server.id().to_string()]).stderr(Stdio::piped());
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                skipped(&format!("strace: {error}"));
                return None;
            }
        };
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        if !line.contains(" attached") {
            child.wait().unwrap();
            skipped(&line);
            return None;
        }
        Some(Strace { child, _said: said })
    }
}

impl Drop for Strace {
    /// A tracer that is gone lets go of what it traced.
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
