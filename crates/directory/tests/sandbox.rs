//! The sandbox by itself, as a client sees it that is not ours.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the answer")]

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use serde_json::Value;
use tenantry_directory::Transport;
use tenantry_directory::partner_center::sandbox::{
    Behaviour, CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, Sandbox, made_up_id,
};

/// Status and JSON of an answer.
async fn ask(sandbox: &Sandbox, request: Request<Bytes>) -> (u16, Value) {
    let answer = sandbox.send(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&body);
    (status, serde_json::from_slice(body).unwrap_or_default())
}

async fn sign_in(sandbox: &Sandbox, form: &[(&str, &str)]) -> (u16, Value) {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    ask(sandbox, Request::post("/partner.example/oauth2/v2.0/token").body(body.into()).unwrap()).await
}

async fn get(sandbox: &Sandbox, path: &str, token: &str, continuation: Option<&str>) -> (u16, Value) {
    let mut request = Request::get(path).header("authorization", format!("Bearer {token}"));
    if let Some(continuation) = continuation {
        request = request.header("ms-continuationtoken", continuation);
    }
    ask(sandbox, request.body(Bytes::new()).unwrap()).await
}

#[tokio::test(start_paused = true)]
async fn tokens_for_those_who_know_the_secret() {
    let sandbox = Sandbox::new(1, 7, Behaviour::default());
    let scope = ("scope", "https://api.partnercenter.microsoft.com/.default");
    let (id, secret) = (("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET));
    let app = ("grant_type", "client_credentials");
    let user = ("grant_type", "refresh_token");
    for (form, number) in [
        (&[app, id, secret, scope][..], 0),
        (&[user, id, secret, scope, ("refresh_token", REFRESH_TOKEN)], 0),
        (&[], 700_016),
        (&[app, ("client_id", "x"), secret, scope], 700_016),
        (&[app, id, ("client_secret", "x"), scope], 7_000_215),
        (&[app, id, secret], 70_011),
        (&[user, id, secret, scope], 70_000),
        (&[user, id, secret, scope, ("refresh_token", "x")], 70_000),
        (&[("grant_type", "password"), id, secret, scope], 70_003),
    ] {
        let (status, body) = sign_in(&sandbox, form).await;
        if number == 0 {
            assert_eq!((status, body["access_token"].as_str().unwrap().len()), (200, 1024), "{form:?}");
            assert_eq!(body["refresh_token"].is_string(), form[0] == user);
        } else {
            assert_eq!((status, &body["error_codes"][0]), (401, &number.into()), "{form:?}");
        }
    }
    assert_eq!(sandbox.status().counts.sign_ins, 9);
}

#[tokio::test(start_paused = true)]
async fn the_same_customers_for_the_same_seed() {
    let (one, same, other) = (made_up_id(7, 3), made_up_id(7, 3), made_up_id(8, 3));
    assert_eq!(one, same);
    assert_ne!(one, other);
    let sandbox = Sandbox::new(4, 7, Behaviour::default());
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT_ID),
        ("client_secret", CLIENT_SECRET),
        ("scope", "/.default"),
    ];
    let (_, grant) = sign_in(&sandbox, &form).await;
    let token = grant["access_token"].as_str().unwrap();

    let (status, body) = get(&sandbox, "/v1/customers?size=3", token, None).await;
    assert_eq!((status, body["items"].as_array().unwrap().len()), (200, 3));
    let next = &body["links"]["next"];
    assert_eq!(next["uri"], "/customers?size=3&seekOperation=Next");
    let continuation = next["headers"][0]["value"].as_str();
    let (_, body) = get(&sandbox, "/v1/customers?size=3&seekOperation=Next", token, continuation).await;
    assert_eq!((&body["items"][0]["id"], &body["links"]["next"]), (&one.into(), &Value::Null));

    for (path, token, continuation, expected) in [
        ("/v1/customers?size=501", token, None, 400),
        ("/v1/customers?size=0", token, None, 400),
        ("/v1/customers?seekOperation=Next", token, None, 400),
        ("/v1/customers?seekOperation=Next", token, Some("x"), 400),
        ("/v1/customers?size=3", token, continuation, 400),
        ("/v1/customers/34fdg", token, None, 404),
        ("/v1/customers/34fdg/profiles/billing", token, None, 404),
        ("/v1/customers/34fdg/organization", token, None, 404),
        ("/v1/customers", "x", None, 401),
        ("/v1/agreements", token, None, 404),
    ] {
        assert_eq!(get(&sandbox, path, token, continuation).await.0, expected, "{path}");
    }
}
