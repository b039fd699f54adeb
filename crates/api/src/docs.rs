//! `/docs`: the OpenAPI document as a page, for people. It is made when it is first asked for, without scripts, so that the
//! strictest policy holds for it.

use crate::Shared;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get};
use bytes::Bytes;
use http::header;
use serde_json::Value;
use std::fmt::Write;
use std::sync::LazyLock;

/// Nothing is loaded but the style sheet beside the page (CSP, level 3).
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const CACHE_CONTROL: &str = "public, max-age=300";
const STYLE: &str = include_str!("docs.css");
const METHODS: [&str; 4] = ["get", "post", "put", "delete"];

/// `/docs`.
pub(crate) fn page() -> MethodRouter<Shared> {
    static PAGE: LazyLock<Bytes> = LazyLock::new(|| {
        let document = serde_json::to_value(crate::document()).unwrap_or_default();
        Bytes::from(Page::of(&document))
    });
    serve(|| PAGE.clone(), "text/html; charset=utf-8")
}

/// `/docs/style.css`.
pub(crate) fn style() -> MethodRouter<Shared> {
    serve(|| Bytes::from_static(STYLE.as_bytes()), "text/css; charset=utf-8")
}

fn serve(body: fn() -> Bytes, kind: &'static str) -> MethodRouter<Shared> {
    get(move || {
        let headers = [
            (header::CONTENT_TYPE, kind),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::CACHE_CONTROL, CACHE_CONTROL),
        ];
        std::future::ready((headers, body()).into_response())
    })
}

/// A page that is being written.
struct Page<'d> {
    document: &'d Value,
    html: String,
}

impl<'d> Page<'d> {
    fn of(document: &'d Value) -> String {
        let mut page = Page { document, html: String::new() };
        let info = &document["info"];
        let (title, version) = (text(&info["title"]), text(&info["version"]));
        page.line(&format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}: the API</title>\
             <meta name=\"viewport\" content=\"width=device-width\"><link rel=\"stylesheet\" href=\"docs/style.css\"></head><body>"
        ));
        page.contents();
        page.line(&format!("<main><h1>{title} <small>{version}</small></h1>"));
        page.line(&prose(&info["description"]));
        page.line("<p>For programs: <a href=\"openapi.json\"><code>/openapi.json</code></a>.</p>");
        for tag in members(&document["tags"]) {
            page.tag(tag);
        }
        page.line("<h2 id=\"schemas\">Bodies</h2>");
        for (name, schema) in fields(&document["components"]["schemas"]) {
            page.schema(name, schema);
        }
        page.line("</main></body></html>");
        page.html
    }

    fn line(&mut self, line: &str) {
        self.html.push_str(line);
        self.html.push('\n');
    }

    /// Every operation of a tag: its path, its method, what it says.
    fn operations(&self, tag: &str) -> Vec<(&'d str, &'static str, &'d Value)> {
        let mut found = Vec::new();
        for (path, item) in fields(&self.document["paths"]) {
            for method in METHODS {
                let operation = &item[method];
                if members(&operation["tags"]).any(|name| name == tag) {
                    found.push((path, method, operation));
                }
            }
        }
        found
    }

    fn contents(&mut self) {
        let mut list = String::from("<nav><ul>");
        for tag in members(&self.document["tags"]) {
            let name = tag["name"].as_str().unwrap_or_default();
            let _ = write!(list, "<li>{}<ul>", escape(name));
            for (_, _, operation) in self.operations(name) {
                let (id, summary) = (text(&operation["operationId"]), text(&operation["summary"]));
                let _ = write!(list, "<li><a href=\"#{id}\">{summary}</a></li>");
            }
            list.push_str("</ul></li>");
        }
        list.push_str("<li><a href=\"#schemas\">Bodies</a></li></ul></nav>");
        self.line(&list);
    }

    fn tag(&mut self, tag: &Value) {
        let name = tag["name"].as_str().unwrap_or_default();
        self.line(&format!("<h2>{}</h2>{}", escape(name), prose(&tag["description"])));
        for (path, method, operation) in self.operations(name) {
            let (id, summary) = (text(&operation["operationId"]), text(&operation["summary"]));
            self.line(&format!("<section id=\"{id}\"><h3>{summary}</h3>"));
            self.line(&format!("<pre><b>{}</b> {}</pre>", method.to_uppercase(), escape(path)));
            self.line(&prose(&operation["description"]));
            self.parameters(operation);
            self.body(&operation["requestBody"]["content"]);
            self.responses(&operation["responses"]);
            self.line("</section>");
        }
    }

    fn parameters(&mut self, operation: &Value) {
        let parameters: Vec<&Value> = members(&operation["parameters"]).collect();
        if parameters.is_empty() {
            return;
        }
        self.line("<table><tr><th>parameter</th><th>in</th><th>type</th><th></th></tr>");
        for parameter in parameters {
            let (name, place) = (text(&parameter["name"]), text(&parameter["in"]));
            let required = if parameter["required"] == true { " <em>required</em>" } else { "" };
            let (kind, about) = (type_of(&parameter["schema"]), prose(&parameter["description"]));
            self.line(&format!(
                "<tr><td><code>{name}</code>{required}</td><td>{place}</td><td>{kind}</td><td>{about}</td></tr>"
            ));
        }
        self.line("</table>");
    }

    fn body(&mut self, content: &Value) {
        for (kind, content) in fields(content) {
            let schema = type_of(&content["schema"]);
            self.line(&format!("<p>Body: <code>{}</code>, {schema}</p>", escape(kind)));
            let named = fields(&content["examples"])
                .map(|(_, example)| (text(&example["summary"]), &example["value"]));
            let alone = content.get("example").map(|example| (String::new(), example));
            for (summary, example) in named.chain(alone) {
                let example = serde_json::to_string_pretty(example).unwrap_or_default();
                self.line(&format!("<p>{summary}</p><pre>{}</pre>", escape(&example)));
            }
        }
    }

    fn responses(&mut self, responses: &Value) {
        self.line("<table><tr><th>status</th><th>body</th><th></th></tr>");
        for (status, response) in fields(responses) {
            let about = prose(&response["description"]);
            let kinds: Vec<String> = fields(&response["content"])
                .map(|(kind, content)| {
                    format!("{} <small>{}</small>", type_of(&content["schema"]), escape(kind))
                })
                .collect();
            let (status, kinds) = (escape(status), kinds.join("<br>"));
            self.line(&format!("<tr><td>{status}</td><td>{kinds}</td><td>{about}</td></tr>"));
        }
        self.line("</table>");
    }

    fn schema(&mut self, name: &str, schema: &Value) {
        let id = escape(name);
        self.line(&format!("<section id=\"schema-{id}\"><h3>{id}</h3>{}", prose(&schema["description"])));
        let required: Vec<&str> = members(&schema["required"]).filter_map(Value::as_str).collect();
        let properties: Vec<_> = fields(&schema["properties"]).collect();
        if properties.is_empty() {
            self.line(&format!("<p>{}</p>", type_of(schema)));
        } else {
            self.line("<table><tr><th>field</th><th>type</th><th></th></tr>");
            for (field, schema) in properties {
                let mark = if required.contains(&field) { " <em>required</em>" } else { "" };
                let (kind, about) = (type_of(schema), prose(&schema["description"]));
                let field = escape(field);
                self.line(&format!(
                    "<tr><td><code>{field}</code>{mark}</td><td>{kind}</td><td>{about}</td></tr>"
                ));
            }
            self.line("</table>");
        }
        self.line("</section>");
    }
}

fn members(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn fields(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

/// A type in a few words, with a link where it has a name.
fn type_of(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = escape(reference.rsplit('/').next().unwrap_or_default());
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    if let Some(choices) = ["oneOf", "anyOf", "allOf"].iter().find_map(|key| schema[key].as_array()) {
        return choices.iter().map(type_of).collect::<Vec<_>>().join(" or ");
    }
    let values: Vec<String> =
        members(&schema["enum"]).map(|value| format!("<code>{}</code>", plain(value))).collect();
    if !values.is_empty() {
        return values.join(", ");
    }
    let name = match &schema["type"] {
        Value::Array(names) => names.iter().map(plain).collect::<Vec<_>>().join(" or "),
        name => plain(name),
    };
    match name.as_str() {
        "array" => format!("list of {}", type_of(&schema["items"])),
        "" => "anything".to_owned(),
        _ => name,
    }
}

/// A value as text, without the quotes of a string.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => escape(text),
        other => escape(&other.to_string()),
    }
}

fn text(value: &Value) -> String {
    escape(value.as_str().unwrap_or_default())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Paragraphs, headings and tables, with what stands between backticks as code.
fn prose(value: &Value) -> String {
    let mut html = String::new();
    for block in value.as_str().unwrap_or_default().split("\n\n").filter(|block| !block.trim().is_empty()) {
        if let Some(heading) = block.strip_prefix("## ") {
            let _ = write!(html, "<h2>{}</h2>", inline(heading));
        } else if block.starts_with('|') {
            html.push_str("<table>");
            for row in block.lines().filter(|row| !row.contains("---")) {
                let cells = row.trim().trim_matches('|').split('|');
                let cells: String = cells.map(|cell| format!("<td>{}</td>", inline(cell.trim()))).collect();
                let _ = write!(html, "<tr>{cells}</tr>");
            }
            html.push_str("</table>");
        } else {
            let _ = write!(html, "<p>{}</p>", inline(block));
        }
    }
    html
}

fn inline(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts
        .map(|(at, part)| if at % 2 == 1 { format!("<code>{}</code>", escape(part)) } else { escape(part) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_and_every_body_is_on_the_page() {
        let document = serde_json::to_value(crate::document()).expect("a document");
        let page = Page::of(&document);
        let mut operations = 0;
        for (path, item) in fields(&document["paths"]) {
            for method in METHODS.iter().filter(|method| item[**method].is_object()) {
                let id = item[*method]["operationId"].as_str().expect("an id");
                assert!(page.contains(&format!("<section id=\"{id}\">")), "{method} {path}");
                operations += 1;
            }
        }
        assert!(operations > 30, "{operations}");
        for (name, _) in fields(&document["components"]["schemas"]) {
            assert!(page.contains(&format!("<section id=\"schema-{name}\">")), "{name}");
        }
        // Every link within the page leads somewhere.
        for link in page.split("href=\"#").skip(1) {
            let id = link.split('"').next().expect("an end");
            assert!(page.contains(&format!("id=\"{id}\"")), "{id}");
        }
        assert!(!page.contains("<script") && !page.contains(" style="));
    }

    #[test]
    fn what_stands_in_the_document_is_text() {
        assert_eq!(
            prose(&"a <b> & `<c>`\n\n| x |\n| --- |\n| y |".into()),
            "<p>a &lt;b&gt; &amp; <code>&lt;c&gt;</code></p><table><tr><td>x</td></tr><tr><td>y</td></tr></table>"
        );
    }
}
