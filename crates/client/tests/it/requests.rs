//! What is sent, what is sent again, and what is made of the answer.

use crate::scripted::{BREAK, Server, response};
use http::{Method, StatusCode};
use serde_json::json;
use tenantry_client::{Error, Request};

fn busy(status: &str) -> String {
    response(status, &["Retry-After: 0"], r#"{"error": "later", "request_id": "r"}"#)
}

#[tokio::test]
async fn a_request_has_the_key_and_no_other_server_gets_it() {
    let moved = response("302 Found", &["Location: http://elsewhere.example/"], "");
    let server = Server::start(&[&response("200 OK", &[], "{}"), &moved]).await;
    let client = server.client();
    client
        .send(&Request::json(Method::POST, "/v2/customers", &json!({"name": "A"})).idempotent("k"))
        .await
        .unwrap();
    let sent = server.requests()[0].to_ascii_lowercase();
    for part in [
        "post /v2/customers http/1.1",
        "authorization: bearer a-key",
        "content-type: application/json",
        "idempotency-key: k",
        &format!("host: {}", server.address),
        r#"{"name":"a"}"#,
    ] {
        assert!(sent.contains(part), "{part} in {sent}");
    }
    assert!(!format!("{client:?}").contains("a-key"));
    let refused = client.get("/").await.unwrap_err();
    assert!(
        matches!(&refused, Error::Unexpected { message, .. } if message.contains("elsewhere.example")),
        "{refused}"
    );
}

#[tokio::test]
async fn what_may_be_repeated_is_repeated() {
    let ok = response("200 OK", &[], r#"{"id": 1}"#);
    let get = || Request::new(Method::GET, "/v2/me");
    let post = || Request::json(Method::POST, "/v2/customers", &json!({}));
    let (too_many, unavailable, conflict) =
        (busy("429 Too Many"), busy("503 Unavailable"), busy("409 Conflict"));
    let cases: [(&str, Request, &str, bool); 10] = [
        ("GET, 429", get(), &too_many, true),
        ("GET, 503", get(), &unavailable, true),
        ("GET, broken", get(), BREAK, true),
        ("POST, 429: nothing was done", post(), &too_many, true),
        ("POST, 503: it may have been done", post(), &unavailable, false),
        ("POST, broken", post(), BREAK, false),
        ("POST with a key, 503", post().idempotent("k"), &unavailable, true),
        ("POST with a key, broken", post().idempotent("k"), BREAK, true),
        ("POST with a key, the first still runs", post().idempotent("k"), &conflict, true),
        ("PUT, broken", Request::json(Method::PUT, "/v2/customers/1", &json!({})), BREAK, true),
    ];
    for (name, request, first, is_repeated) in cases {
        let server = Server::start(&[first, &ok]).await;
        let answer = server.client().send(&request).await;
        assert_eq!(answer.is_ok(), is_repeated, "{name}: {answer:?}");
        assert_eq!(server.requests().len(), 1 + usize::from(is_repeated), "{name}");
    }
}

#[tokio::test]
async fn patience_ends() {
    let server =
        Server::start(&[&response("429 Too Many", &["Retry-After: 3600"], r#"{"error": "slow down"}"#)])
            .await;
    let refused = server.client().get("/v2/me").await.unwrap_err();
    assert_eq!(refused.status(), Some(StatusCode::TOO_MANY_REQUESTS));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_deletion_whose_answer_was_lost_has_been_done() {
    let gone = response("404 Not Found", &[], r#"{"error": "not found"}"#);
    for (first, is_done) in [(BREAK, true), (gone.as_str(), false)] {
        let server = Server::start(&[first, &gone]).await;
        let answer = server.client().send(&Request::new(Method::DELETE, "/v2/customers/1")).await;
        assert_eq!(answer.is_ok(), is_done, "{answer:?}");
    }
}

#[tokio::test]
async fn refusals_are_read() {
    let body = r#"{"error": "name is required", "request_id": "r7",
                   "details": [{"pointer": "/name", "code": "required", "message": "is required"}]}"#;
    let server = Server::start(&[
        &response("422 Unprocessable Entity", &[], body),
        &response("502 Bad Gateway", &["Retry-After: 60"], "<html>nginx</html>"),
        &response("200 OK", &[], "<html>Sign in to the hotel's network</html>"),
    ])
    .await;
    let client = server.client();
    let Error::Refused(problem) = client.get("/").await.unwrap_err() else { panic!("no refusal") };
    assert!(problem.has("/name", "required") && !problem.has("/name", "taken"), "{problem:?}");
    assert_eq!((problem.message.as_str(), problem.request_id.as_deref()), ("name is required", Some("r7")));
    let Error::Refused(problem) = client.get("/").await.unwrap_err() else { panic!("no refusal") };
    assert!(!problem.message.contains("nginx") && problem.details.is_empty(), "{problem:?}");
    let strange = client.get("/").await.unwrap().json().unwrap_err();
    assert!(
        matches!(&strange, Error::Unexpected { .. }) && !strange.to_string().contains("hotel"),
        "{strange}"
    );
}

#[tokio::test]
async fn pages_are_followed_to_the_end() {
    // The server knows itself under another name, the second page is cut short, the third is empty.
    let page = |next: &str, entries: &str| {
        let link = format!("Link: <https://inside.example/c?page=1>; rel=\"first\"{next}");
        response("200 OK", &[&link, "X-Total: 3"], &format!(r#"{{"customers": {entries}}}"#))
    };
    let next = |number: u32| format!(", <https://inside.example/c?page={number}>; rel=\"next\"");
    let server = Server::start(&[
        &page(&next(2), r#"[{"id": 1}, {"id": 2}]"#),
        &page(&next(3), r#"[{"id": 3}]"#),
        &page(&next(4), "[]"),
        &page("", r#"[{"id": 4}]"#),
    ])
    .await;
    let (client, mut ids) = (server.client(), Vec::new());
    let mut pages = client.pages("/c", "customers");
    while let Some(page) = pages.next().await.unwrap() {
        ids.extend(page.iter().map(|entry| entry["id"].as_i64().unwrap()));
    }
    assert_eq!((ids, pages.total()), (vec![1, 2, 3, 4], Some(3)));
    let paths: Vec<String> =
        server.requests().iter().map(|request| request.split(' ').nth(1).unwrap().to_owned()).collect();
    assert_eq!(paths, ["/c", "/c?page=2", "/c?page=3", "/c?page=4"]);
}

#[tokio::test]
async fn lists_that_are_none_are_refused() {
    for (name, answer) in [
        ("another field", response("200 OK", &[], r#"{"clients": []}"#)),
        ("no list", response("200 OK", &[], r#"{"customers": {}}"#)),
        ("in circles", response("200 OK", &["Link: </c>; rel=\"next\""], r#"{"customers": []}"#)),
    ] {
        let server = Server::start(&[&answer]).await;
        let refused = server.client().pages("/c", "customers").next().await;
        assert!(matches!(&refused, Err(Error::Unexpected { .. })), "{name}: {refused:?}");
    }
}

#[tokio::test]
async fn a_download_that_ends_early_is_an_error() {
    let whole = response("200 OK", &[], "0123456789");
    let cut = &whole[..whole.len() - 4];
    let server = Server::start(&[&whole, cut]).await;
    let client = server.client();
    for is_whole in [true, false] {
        let mut download = client.download("/file").await.unwrap();
        let mut bytes = Vec::new();
        let ended = loop {
            match download.next().await {
                Ok(Some(piece)) => bytes.extend_from_slice(&piece),
                Ok(None) => break true,
                Err(_) => break false,
            }
        };
        assert_eq!((ended, bytes.len()), (is_whole, if is_whole { 10 } else { 6 }));
    }
}
