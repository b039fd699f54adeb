//! ChromeDriver, started once for this process, and its sessions: each is a browser with a profile of its own.
//!
//! The protocol is JSON over HTTP (<https://www.w3.org/TR/webdriver2/>), which the tests' HTTP client speaks already; the
//! crates that speak it would add an asynchronous client, and a licence that `deny.toml` does not allow.

use crate::support::Guard;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// No command takes as long, on a busy machine either.
const PATIENCE: Duration = Duration::from_secs(120);
/// The most browsers at a time.
const MAX_BROWSERS: usize = 2;

/// A running ChromeDriver.
pub(crate) struct Driver {
    url: String,
    agent: ureq::Agent,
    running: Mutex<usize>,
    ended: Condvar,
    _child: Child,
    _guard: Guard,
}

/// An error of a command: its code, such as `no such element`, and its message.
pub(crate) type CommandError = (String, String);

impl Driver {
    /// The driver that the tests of this process share; `None`, said past the test runner's capturing, where there is no
    /// Chromium. In CI that is a failure.
    pub(crate) fn shared() -> Option<&'static Driver> {
        static DRIVER: OnceLock<Option<Driver>> = OnceLock::new();
        let driver = DRIVER.get_or_init(Driver::start).as_ref();
        if driver.is_none() {
            assert!(
                std::env::var_os("CI").is_none(),
                "there is no chromedriver, but CI must test the console"
            );
            let test = std::thread::current();
            let test = test.name().unwrap_or("?");
            let said =
                format!("SKIPPED {test}: there is no chromedriver; use scripts/test, which installs it\n");
            std::io::stderr().write_all(said.as_bytes()).unwrap();
        }
        driver
    }

    fn start() -> Option<Driver> {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().ok()?;
        let guard = Guard::new(&format!("kill {}", child.id()));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        let port = port.expect("the port of chromedriver");
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(PATIENCE))
            .build();
        Some(Driver {
            url: format!("http://127.0.0.1:{port}"),
            agent: config.into(),
            running: Mutex::default(),
            ended: Condvar::new(),
            _child: child,
            _guard: guard,
        })
    }

    /// Opens a browser. Waits while as many run as may.
    pub(crate) fn open(&'static self, args: &[String], preferences: &Value) -> Session {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = |running: &mut usize| *running >= MAX_BROWSERS;
        *self.ended.wait_while(running, is_full).unwrap_or_else(PoisonError::into_inner) += 1;
        // Chromium's own sandbox does not work for root; the only pages it opens are ours.
        let fixed = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
        let args: Vec<&str> = fixed.into_iter().chain(args.iter().map(String::as_str)).collect();
        let wanted = json!({
            "browserName": "chrome",
            "goog:chromeOptions": {"args": args, "prefs": preferences},
            "goog:loggingPrefs": {"browser": "ALL"},
            // Finding an element waits for it to be there.
            "timeouts": {"implicit": 30_000, "pageLoad": 60_000, "script": 60_000},
        });
        let mut session = Session { driver: self, id: String::new() };
        let opened = self.send("POST", "/session", &json!({"capabilities": {"alwaysMatch": wanted}}));
        let opened = opened.unwrap_or_else(|error| panic!("no browser: {error:?}"));
        session.id = opened["sessionId"].as_str().unwrap().to_owned();
        session
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> Result<Value, CommandError> {
        let url = format!("{}{path}", self.url);
        let sent = match method {
            "GET" => self.agent.get(&url).call(),
            "DELETE" => self.agent.delete(&url).call(),
            _ => self.agent.post(&url).send_json(body),
        };
        let mut response = sent.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let mut answer: Value = response.body_mut().read_json().unwrap();
        if response.status().is_success() {
            return Ok(answer["value"].take());
        }
        let text = |name: &str| answer["value"][name].as_str().unwrap_or_default().to_owned();
        Err((text("error"), text("message")))
    }
}

/// A browser. It ends with this value.
pub(crate) struct Session {
    driver: &'static Driver,
    id: String,
}

impl Session {
    /// The value of a command, whose path starts behind the session's.
    pub(crate) fn command(&self, method: &str, path: &str, body: &Value) -> Result<Value, CommandError> {
        self.driver.send(method, &format!("/session/{}{path}", self.id), body)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.id.is_empty() {
            drop(self.command("DELETE", "", &Value::Null));
        }
        *self.driver.running.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.driver.ended.notify_one();
    }
}
