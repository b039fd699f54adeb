//! Whether an answer is what the OpenAPI document says of the operation: a documented status, the documented headers, and
//! a body of the documented schema with no field beside.

use crate::Answer;
use http::Method;
use jsonschema::Validator;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::LazyLock;

static DOCUMENT: LazyLock<Document> = LazyLock::new(Document::read);

struct Document {
    paths: Value,
    /// By the name of the schema.
    validators: HashMap<String, Validator>,
}

/// Panics if the answer is not as documented.
pub(crate) fn check(method: &Method, uri: &str, answer: &Answer) {
    let path = uri.split('?').next().unwrap_or_default();
    if path.starts_with("/console") {
        return; // pages, which the document does not describe
    }
    let asked = format!("{method} {uri} answered {}: {}", answer.status, answer.text());
    let Some(operation) = DOCUMENT.operation(method, path) else {
        if answer.status >= 400 {
            DOCUMENT.check_body("Error", answer, &asked);
        }
        return;
    };
    let response = &operation["responses"][answer.status.to_string()];
    assert!(response.is_object(), "this status is not documented: {asked}");
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        if header["description"].as_str().is_some_and(|text| text.starts_with("Only ")) {
            continue;
        }
        assert!(answer.headers.contains_key(name), "{name} is documented, but missing: {asked}");
    }
    // Of several types the one that was answered, whatever its parameters.
    let answered = answer.header("content-type").split(';').next().unwrap_or_default();
    let documented = response["content"].as_object();
    let kind = documented.and_then(|kinds| kinds.iter().find(|(kind, _)| **kind == answered));
    let Some((media_type, content)) = kind.or_else(|| documented?.iter().next()) else {
        return assert!(answer.body.is_empty(), "no body is documented: {asked}");
    };
    // What is documented as bytes may be of any type.
    if media_type != "application/octet-stream" {
        let exact = answer.header("content-type");
        assert_eq!(if media_type == "text/csv" { answered } else { exact }, media_type, "{asked}");
    }
    if let Some(reference) = content["schema"]["$ref"].as_str() {
        DOCUMENT.check_body(reference.rsplit('/').next().unwrap(), answer, &asked);
    }
}

impl Document {
    fn read() -> Self {
        let mut document = serde_json::to_value(api::document()).unwrap();
        let components = &mut document["components"];
        refuse_unknown_fields(components);
        let components = components.take();
        let validators = components["schemas"].as_object().unwrap().keys().map(|name| {
            let schema = json!({"$ref": format!("#/components/schemas/{name}"), "components": components});
            let validator = jsonschema::draft202012::options().should_validate_formats(true).build(&schema);
            (name.clone(), validator.unwrap())
        });
        Document { validators: validators.collect(), paths: document["paths"].take() }
    }

    fn operation(&self, method: &Method, path: &str) -> Option<&Value> {
        let path: Vec<&str> = path.trim_end_matches('/').split('/').collect();
        let fits = |template: &&String| {
            let template: Vec<&str> = template.split('/').collect();
            template.len() == path.len()
                && template.iter().zip(&path).all(|(t, p)| t == p || t.starts_with('{') && !p.is_empty())
        };
        let template = self.paths.as_object().unwrap().keys().find(fits)?;
        self.paths[template].get(method.as_str().to_ascii_lowercase())
    }

    fn check_body(&self, schema: &str, answer: &Answer, asked: &str) {
        let body = answer.json();
        let wrong: Vec<String> = self.validators[schema]
            .iter_errors(&body)
            .map(|error| format!("{} {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "not a documented {schema}: {}\n{asked}", wrong.join("; "));
    }
}

fn refuse_unknown_fields(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.contains_key("properties") {
                fields.insert("additionalProperties".into(), false.into());
            }
            fields.values_mut().for_each(refuse_unknown_fields);
        }
        Value::Array(elements) => elements.iter_mut().for_each(refuse_unknown_fields),
        _ => {}
    }
}
