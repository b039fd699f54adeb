//! Exit statuses of the commands that work over HTTP, and what they say when something is wrong.

use client::{Detail, Error, Problem};
use http::StatusCode;
use std::process::ExitCode;

/// The end of a command's help: its examples, and the exit statuses.
macro_rules! examples {
    ($($line:literal),+ $(,)?) => {
        concat!(
            "Examples:\n", $("  ", $line, "\n",)+ "\n",
            "Exit status:\n",
            "  0  done\n",
            "  1  it was tried, and failed or was done in part\n",
            "  2  the command line is wrong; nothing was sent\n",
            "  3  what was given is wrong: a file, a value, a field\n",
            "  4  not signed in, or the key may not do this\n",
            "  5  there is no such object\n",
            "  6  it has changed meanwhile, or something else stands in the way\n",
            "  7  the server cannot be reached, or stayed busy",
        )
    };
}
pub(crate) use examples;

const FAILED: u8 = 1;
const WRONG_INPUT: u8 = 3;
const NOT_ALLOWED: u8 = 4;
const NOT_FOUND: u8 = 5;
const CONFLICT: u8 = 6;
const UNREACHABLE: u8 = 7;

/// An error that says which exit status it is.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    message: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// What was given is wrong.
pub(crate) fn wrong_input(message: impl Into<String>) -> anyhow::Error {
    Failure { code: WRONG_INPUT, message: message.into() }.into()
}

/// There is no key, or none for this server.
pub(crate) fn not_signed_in(message: impl Into<String>) -> anyhow::Error {
    Failure { code: NOT_ALLOWED, message: message.into() }.into()
}

/// The key may not do this.
pub(crate) fn not_allowed(message: impl Into<String>) -> anyhow::Error {
    Failure { code: NOT_ALLOWED, message: message.into() }.into()
}

/// There is no such object.
pub(crate) fn not_found(message: impl Into<String>) -> anyhow::Error {
    Failure { code: NOT_FOUND, message: message.into() }.into()
}

/// The exit status of a command that has failed.
pub(crate) fn code(error: &anyhow::Error) -> ExitCode {
    if let Some(Failure { code, .. }) = error.downcast_ref() {
        return ExitCode::from(*code);
    }
    ExitCode::from(match error.downcast_ref::<Error>() {
        Some(Error::Refused(problem)) => code_of_status(problem.status),
        Some(Error::Unreachable { .. }) => UNREACHABLE,
        Some(Error::Setup(_)) => WRONG_INPUT,
        Some(Error::Unexpected { .. } | Error::File(_)) | None => FAILED,
    })
}

fn code_of_status(status: StatusCode) -> u8 {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => NOT_ALLOWED,
        StatusCode::NOT_FOUND => NOT_FOUND,
        StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => CONFLICT,
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => UNREACHABLE,
        status if status.is_client_error() => WRONG_INPUT,
        _ => FAILED,
    }
}

/// The error as a person reads it: of a refusal, each violation on a line of its own.
pub(crate) fn explain(error: &anyhow::Error) -> String {
    match error.downcast_ref::<Error>() {
        Some(Error::Refused(problem)) => explain_problem(problem),
        _ => format!("{error:#}"),
    }
}

pub(crate) fn explain_problem(problem: &Problem) -> String {
    match problem.status {
        StatusCode::UNAUTHORIZED => {
            "the server does not know this key, or no longer: sign in with `tenantry login URL`".to_owned()
        }
        StatusCode::FORBIDDEN => format!("this is not allowed: {}", problem.message),
        StatusCode::NOT_FOUND if problem.message.starts_with("there is no path") => format!(
            "the server does not have this operation: is it older than this command ({})? {}",
            env!("CARGO_PKG_VERSION"),
            problem.message
        ),
        StatusCode::NOT_FOUND => "there is no such object".to_owned(),
        StatusCode::PRECONDITION_FAILED => {
            "it has changed meanwhile: read it again, then repeat this".to_owned()
        }
        _ if problem.details.len() > 1 => {
            let lines: Vec<String> = problem.details.iter().map(sentence).collect();
            format!("the server refuses this:\n  {}", lines.join("\n  "))
        }
        status if status.is_client_error() => problem.message.clone(),
        _ => problem.to_string(),
    }
}

/// A violation with its field's name: `address.state must be …`.
pub(crate) fn sentence(detail: &Detail) -> String {
    match (&detail.pointer, &detail.parameter) {
        (Some(pointer), _) if !pointer.is_empty() => format!("{} {}", field(pointer), detail.message),
        (_, Some(parameter)) => format!("{parameter} {}", detail.message),
        _ => detail.message.clone(),
    }
}

/// The field that a JSON pointer names: `/tags/3/key` is `tags[3].key`.
pub(crate) fn field(pointer: &str) -> String {
    let mut text = String::new();
    for segment in pointer.split('/').skip(1) {
        let segment = segment.replace("~1", "/").replace("~0", "~");
        if segment.bytes().all(|byte| byte.is_ascii_digit()) {
            text.push_str(&format!("[{segment}]"));
        } else {
            text.push_str(if text.is_empty() { "" } else { "." });
            text.push_str(&segment);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(status: StatusCode, message: &str, details: &[(&str, &str)]) -> Error {
        let detail = |(pointer, message): &(&str, &str)| Detail {
            pointer: Some((*pointer).to_owned()),
            parameter: None,
            code: "invalid".to_owned(),
            message: (*message).to_owned(),
        };
        Error::Refused(Box::new(Problem {
            status,
            message: message.to_owned(),
            details: details.iter().map(detail).collect(),
            request_id: None,
        }))
    }

    #[test]
    fn refusals_are_explained_line_by_line() {
        let error = problem(
            StatusCode::UNPROCESSABLE_ENTITY,
            "name is required; tags[3].key is required",
            &[("/name", "is required"), ("/tags/3/key", "is required"), ("/a~1b", "is odd")],
        );
        let told = explain(&error.into());
        assert_eq!(
            told,
            "the server refuses this:\n  name is required\n  tags[3].key is required\n  a/b is odd"
        );
    }

    #[test]
    fn every_status_has_an_exit_status() {
        for (status, code) in [
            (400, WRONG_INPUT),
            (401, NOT_ALLOWED),
            (403, NOT_ALLOWED),
            (404, NOT_FOUND),
            (409, CONFLICT),
            (412, CONFLICT),
            (413, WRONG_INPUT),
            (422, WRONG_INPUT),
            (429, UNREACHABLE),
            (500, FAILED),
            (503, UNREACHABLE),
        ] {
            assert_eq!(code_of_status(StatusCode::from_u16(status).unwrap()), code, "{status}");
        }
    }
}
