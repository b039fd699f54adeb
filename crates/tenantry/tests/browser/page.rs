//! A browser as its reader uses it: links and buttons by their words, fields by their labels.
//!
//! Whatever is looked for is waited for, so that no test sleeps.

use crate::driver::{Driver, Session};
use crate::support::Api;
use serde_json::{Value, json};

/// The key of an element's reference in JSON (WebDriver, section 12.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// What a browser is opened with.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    /// `Accept-Language`.
    pub(crate) language: &'static str,
    /// The viewport's width, in CSS pixels.
    pub(crate) width: u32,
    pub(crate) is_dark: bool,
    pub(crate) has_script: bool,
}

impl Default for Look {
    fn default() -> Self {
        Look { language: "en", width: 1280, is_dark: false, has_script: true }
    }
}

/// A tab of a browser of its own.
pub(crate) struct Page {
    session: Session,
    origin: String,
}

/// An element of the page.
pub(crate) struct Element<'p> {
    page: &'p Page,
    id: String,
}

impl Page {
    /// A browser for this server; `None` where there is no Chromium.
    pub(crate) fn open(api: &Api, look: Look) -> Option<Page> {
        let driver = Driver::shared()?;
        let height = if look.width < 500 { 740 } else { 860 };
        let args =
            [format!("--window-size={},{height}", look.width), format!("--accept-lang={}", look.language)];
        let mut preferences = json!({"intl.accept_languages": look.language});
        if !look.has_script {
            preferences["profile.managed_default_content_settings.javascript"] = json!(2);
        }
        let session = driver.open(&args, &preferences);
        let page = Page { session, origin: format!("http://{}", api.address) };
        // Windows have a smallest width, which phones' screens are below.
        page.chrome(
            "Emulation.setDeviceMetricsOverride",
            &json!({"width": look.width, "height": height, "deviceScaleFactor": 1, "mobile": look.width < 500}),
        );
        page.set_dark(look.is_dark);
        Some(page)
    }

    /// The same, in which the owner of this key has signed in.
    pub(crate) fn signed_in(api: &Api, look: Look) -> Option<Page> {
        let page = Page::open(api, look)?;
        page.go("/console/sign-in");
        page.find("#key").type_text(&format!("{}{ENTER}", api.key));
        page.find(".account");
        Some(page)
    }

    /// Follows the dark or the light colour scheme.
    pub(crate) fn set_dark(&self, is_dark: bool) {
        let value = if is_dark { "dark" } else { "light" };
        // Without transitions, during which colours are neither the one's nor the other's.
        let features = json!([
            {"name": "prefers-color-scheme", "value": value},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]);
        self.chrome("Emulation.setEmulatedMedia", &json!({"media": "", "features": features}));
    }

    /// Shows the page as it is printed for a reader of dark pages.
    pub(crate) fn set_print(&self) {
        let features = json!([{"name": "prefers-color-scheme", "value": "dark"}]);
        self.chrome("Emulation.setEmulatedMedia", &json!({"media": "print", "features": features}));
    }

    /// A command of the Chrome DevTools Protocol.
    fn chrome(&self, command: &str, parameters: &Value) -> Value {
        self.command("POST", "/goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        self.session.command(method, path, body).unwrap_or_else(|error| {
            panic!("{method} {path} {body}: {error:?} on {}: {}", self.path(), self.try_text())
        })
    }

    pub(crate) fn go(&self, path: &str) {
        self.command("POST", "/url", &json!({"url": format!("{}{path}", self.origin)}));
    }

    /// The path and query of the page.
    pub(crate) fn path(&self) -> String {
        let url = self.session.command("GET", "/url", &Value::Null).unwrap_or_default();
        url.as_str().unwrap_or_default().replace(&self.origin, "")
    }

    fn try_text(&self) -> String {
        let body = json!({"script": "return document.body.innerText", "args": []});
        let text = self.session.command("POST", "/execute/sync", &body).unwrap_or_default();
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Waits for the first element of a CSS selector, or of an XPath that starts with `//`.
    pub(crate) fn find(&self, selector: &str) -> Element<'_> {
        let using = if selector.starts_with("//") { "xpath" } else { "css selector" };
        let found = self.command("POST", "/element", &json!({"using": using, "value": selector}));
        Element { page: self, id: found[ELEMENT].as_str().unwrap().to_owned() }
    }

    /// Waits for an element with these words alone.
    pub(crate) fn sees(&self, words: &str) -> Element<'_> {
        self.find(&format!("//body//*[normalize-space()={}]", quoted(words)))
    }

    /// The link or button with these words.
    pub(crate) fn press(&self, words: &str) {
        let words = quoted(words);
        self.find(&format!("//a[normalize-space()={words}] | //button[normalize-space()={words}]")).click();
    }

    /// The field with this label.
    pub(crate) fn field(&self, label: &str) -> Element<'_> {
        self.find(&format!("//*[@id=//label[normalize-space()={}]/@for]", quoted(label)))
    }

    /// Keys for whatever has the focus.
    pub(crate) fn keys(&self, text: &str) {
        self.focused().type_text(text);
    }

    /// The element that has the focus.
    pub(crate) fn focused(&self) -> Element<'_> {
        let found = self.command("GET", "/element/active", &Value::Null);
        Element { page: self, id: found[ELEMENT].as_str().unwrap().to_owned() }
    }

    /// The value of a script's `return`.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.command("POST", "/execute/sync", &json!({"script": script, "args": []}))
    }

    /// What a script passes to its last argument, a function.
    pub(crate) fn run_async(&self, script: &str) -> Value {
        self.command("POST", "/execute/async", &json!({"script": script, "args": []}))
    }

    /// The number of elements that are there now.
    pub(crate) fn count(&self, selector: &str) -> usize {
        let found = self.run(&format!("return document.querySelectorAll({}).length", json!(selector)));
        usize::try_from(found.as_u64().unwrap()).unwrap()
    }

    /// The value of a cookie, also of one that scripts do not see.
    pub(crate) fn cookie(&self, name: &str) -> String {
        let cookie = self.command("GET", &format!("/cookie/{name}"), &Value::Null);
        cookie["value"].as_str().unwrap().to_owned()
    }

    /// A picture of the viewport, as PNG in base64.
    pub(crate) fn picture(&self) -> String {
        self.command("GET", "/screenshot", &Value::Null).as_str().unwrap().to_owned()
    }

    /// A picture of the whole page, up to this height in pixels, as PNG in base64.
    pub(crate) fn whole_picture(&self, max_height: u64) -> String {
        let root =
            self.run("return [document.documentElement.scrollWidth, document.documentElement.scrollHeight]");
        let [width, height] = [0, 1].map(|at| root[at].as_u64().unwrap());
        let clip = json!({"x": 0, "y": 0, "width": width, "height": height.min(max_height), "scale": 1});
        let parameters = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let taken = self.chrome("Page.captureScreenshot", &parameters);
        taken["data"].as_str().unwrap().to_owned()
    }

    /// Drags an element to another one with the mouse, and drops it at this part of its height; before that, `meanwhile` runs.
    pub(crate) fn drag(&self, from: &str, to: &str, part: f64, meanwhile: impl Fn()) {
        let middle = |selector: &str, part: f64| {
            let script = format!(
                "const box = document.querySelector({}).getBoundingClientRect(); \
                 return [Math.round(box.x + box.width / 2), Math.round(box.y + box.height * {part})]",
                json!(selector)
            );
            let found = self.run(&script);
            (found[0].clone(), found[1].clone())
        };
        // What is below the window cannot be reached.
        self.run("document.querySelector('tbody').scrollIntoView({block: 'center'})");
        let mouse = |actions: Value| {
            let pointer = json!({"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": actions});
            self.command("POST", "/actions", &json!({"actions": [pointer]}));
        };
        let go = |(x, y): (Value, Value)| json!({"type": "pointerMove", "duration": 100, "x": x, "y": y});
        mouse(json!([go(middle(from, 0.5)), {"type": "pointerDown", "button": 0}]));
        // Rows make way one by one, as they do for a hand.
        for _ in 0..8 {
            mouse(json!([go(middle(to, part))]));
        }
        meanwhile();
        mouse(json!([{"type": "pointerUp", "button": 0}]));
    }

    /// What the console has of errors since the last call: violations of the Content-Security-Policy and of scripts. An
    /// answer with an error status is none of these.
    pub(crate) fn errors(&self) -> Vec<String> {
        let log = self.command("POST", "/se/log", &json!({"type": "browser"}));
        let entries = log.as_array().unwrap().iter();
        let errors = entries.filter(|entry| entry["level"] == "SEVERE" && entry["source"] != "network");
        errors.map(|entry| entry["message"].as_str().unwrap().to_owned()).collect()
    }

    /// Ends a test: nothing that it did has violated the Content-Security-Policy, and no script has failed.
    pub(crate) fn end(self) {
        assert_eq!(self.errors(), Vec::<String>::new());
    }
}

impl Element<'_> {
    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        self.page.command(method, &format!("/element/{}{path}", self.id), body)
    }

    pub(crate) fn click(&self) {
        self.command("POST", "/click", &json!({}));
    }

    pub(crate) fn type_text(&self, text: &str) {
        self.command("POST", "/value", &json!({"text": text}));
    }

    pub(crate) fn text(&self) -> String {
        self.command("GET", "/text", &Value::Null).as_str().unwrap().to_owned()
    }

    /// A property, such as `value`.
    pub(crate) fn property(&self, name: &str) -> String {
        let value = self.command("GET", &format!("/property/{name}"), &Value::Null);
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    }

    /// A property of its computed style.
    pub(crate) fn css(&self, name: &str) -> String {
        self.command("GET", &format!("/css/{name}"), &Value::Null).as_str().unwrap().to_owned()
    }
}

/// Keys without a character (WebDriver, section 15.4.2).
pub(crate) const TAB: &str = "\u{e004}";
pub(crate) const ENTER: &str = "\u{e007}";
pub(crate) const ESCAPE: &str = "\u{e00c}";

/// A text in an XPath.
fn quoted(text: &str) -> String {
    let quote = if text.contains('"') { '\'' } else { '"' };
    assert!(!text.contains(quote), "both kinds of quotes: {text}");
    format!("{quote}{text}{quote}")
}
