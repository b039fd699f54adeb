//! A browser that keeps cookies and sends forms, as far as a test needs one.

use crate::{Answer, Api};
use http::header;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

/// What every form has beside its fields.
pub const TOKEN: &str = "form_token";

/// A browser with its cookies. It follows no redirects.
pub struct Browser {
    api: Api,
    cookies: Mutex<BTreeMap<String, String>>,
}

impl Browser {
    pub fn new(address: SocketAddr) -> Self {
        Browser { api: Api::new(address, ""), cookies: Mutex::default() }
    }

    /// A browser in which the owner of this key has signed in.
    pub fn signed_in(api: &Api) -> Self {
        let browser = Browser::new(api.address);
        let answer = browser.sign_in(&api.key);
        assert_eq!(answer.status, 303, "{}", answer.text());
        browser
    }

    /// The answer to the sign-in page's form.
    pub fn sign_in(&self, key: &str) -> Answer {
        self.submit("/console/sign-in", "/console/sign-in", &[("key", key)])
    }

    pub fn origin(&self) -> String {
        format!("http://{}", self.api.address)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[])
    }

    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("GET", path, headers, None)
    }

    /// Opens a page, and sends the form of this action from it.
    pub fn submit(&self, page: &str, action: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.token(page);
        let fields: Vec<(&str, &str)> = fields.iter().copied().chain([(TOKEN, token.as_str())]).collect();
        self.post(action, &fields)
    }

    /// Sends a form with just these fields.
    pub fn post(&self, action: &str, fields: &[(&str, &str)]) -> Answer {
        self.post_with(action, &[("Origin", &self.origin())], fields)
    }

    pub fn post_with(&self, action: &str, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Answer {
        let body = encode(fields).into_bytes();
        let form = ("Content-Type", "application/x-www-form-urlencoded");
        let has_type = headers.iter().any(|(name, _)| *name == "Content-Type");
        let headers: Vec<(&str, &str)> = headers.iter().copied().chain((!has_type).then_some(form)).collect();
        self.send("POST", action, &headers, Some(body))
    }

    /// Opens a page, and sends the form of this action from it with a file.
    pub fn upload(&self, page: &str, action: &str, name: &str, file: &[u8]) -> Answer {
        let mut body = format!(
            "--boundary\r\nContent-Disposition: form-data; name=\"{TOKEN}\"\r\n\r\n{}\r\n\
             --boundary\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"file\"\r\n\
             Content-Type: image/png\r\n\r\n",
            self.token(page)
        )
        .into_bytes();
        body.extend(file);
        body.extend(b"\r\n--boundary--\r\n");
        let kind = ("Content-Type", "multipart/form-data; boundary=boundary");
        self.send("POST", action, &[("Origin", &self.origin()), kind], Some(body))
    }

    /// The token of the forms on this page.
    pub fn token(&self, page: &str) -> String {
        let answer = self.get(page);
        let text = answer.text();
        let token = text.split("name=\"form_token\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        token.unwrap_or_else(|| panic!("{page} has no form: {} {text}", answer.status)).to_owned()
    }

    pub fn cookie(&self, name: &str) -> Option<String> {
        self.lock().get(name).cloned()
    }

    pub fn set_cookie(&self, name: &str, value: &str) {
        self.lock().insert(name.to_owned(), value.to_owned());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.cookies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<Vec<u8>>) -> Answer {
        let mut call = self.api.call(method, path).authorization(None);
        let cookies: Vec<String> =
            self.lock().iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            call = call.header("Cookie", &cookies.join("; "));
        }
        for (name, value) in headers {
            call = call.header(name, value);
        }
        let answer = match body {
            Some(body) => call.body(body).send(),
            None => call.send(),
        };
        for cookie in answer.headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if cookie.contains("Max-Age=0") {
                self.lock().remove(name);
            } else {
                self.set_cookie(name, value);
            }
        }
        answer
    }
}

/// `application/x-www-form-urlencoded`.
pub fn encode(fields: &[(&str, &str)]) -> String {
    let escape = |text: &str| {
        let escaped = text.bytes().map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        });
        escaped.collect::<String>()
    };
    let pairs = fields.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value)));
    pairs.collect::<Vec<_>>().join("&")
}
