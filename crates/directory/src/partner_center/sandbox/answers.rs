//! The answers themselves.

use super::customers::MadeUp;
use super::{Behaviour, CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, Sandbox};
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::json;
use std::collections::HashMap;

/// The most customers of a page.
const MOST: usize = 500;

pub(super) fn router(sandbox: Sandbox) -> Router {
    Router::new()
        .route("/v1/customers", get(list))
        .route("/v1/customers/{id}", get(customer))
        .route("/v1/customers/{id}/profiles/billing", get(billing_profile))
        .route("/v1/customers/{id}/organization", get(organization))
        .merge(super::billing::api())
        .layer(middleware::from_fn_with_state(sandbox.clone(), Sandbox::gate))
        .route("/{tenant}/oauth2/v2.0/token", post(token))
        .route("/sandbox", get(status).put(behave))
        .merge(super::billing::open())
        .with_state(sandbox)
}

async fn status(State(sandbox): State<Sandbox>) -> Response {
    Json(sandbox.status()).into_response()
}

async fn behave(State(sandbox): State<Sandbox>, body: Bytes) -> Response {
    match serde_json::from_slice::<Behaviour>(&body) {
        Ok(behaviour) => {
            sandbox.behave(behaviour);
            Json(sandbox.status()).into_response()
        }
        Err(error) => (StatusCode::UNPROCESSABLE_ENTITY, error.to_string()).into_response(),
    }
}

async fn token(State(sandbox): State<Sandbox>, headers: HeaderMap, body: Bytes) -> Response {
    let (fault, refuse) = {
        let mut state = sandbox.state();
        state.counts.sign_ins += 1;
        (state.behaviour.next_sign_in.pop_front(), state.behaviour.refuse_sign_in)
    };
    if let Some(fault) = fault
        && let Some(answer) = fault.happen(&headers, &body).await
    {
        return answer;
    }
    let form: HashMap<String, String> = form_urlencoded::parse(&body).into_owned().collect();
    let is = |key: &str, value: &str| form.get(key).is_some_and(|given| given == value);
    let refused = |number: u32, text: &str| {
        let text = format!("AADSTS{number}: {text}\r\nTrace ID: 1\r\nTimestamp: 2026-01-01 00:00:00Z");
        let body = json!({"error": "invalid_client", "error_description": text, "error_codes": [number]});
        (StatusCode::UNAUTHORIZED, Json(body)).into_response()
    };
    let grant = form.get("grant_type").map(String::as_str);
    let refresh = form.get("refresh_token").filter(|token| sandbox.is_good(token));
    match (refuse, grant) {
        (Some(number), _) => refused(number, "Refused, as the sandbox was told."),
        _ if !is("client_id", CLIENT_ID) => refused(700_016, "Application was not found in the directory."),
        _ if !is("client_secret", CLIENT_SECRET) => refused(7_000_215, "Invalid client secret provided."),
        _ if !form.get("scope").is_some_and(|scope| scope.ends_with("/.default")) => {
            refused(70_011, "The provided value for the input parameter 'scope' is not valid.")
        }
        (_, Some("refresh_token")) if refresh.is_none() => refused(70_000, "The refresh token is not valid."),
        (_, Some("client_credentials" | "refresh_token")) => {
            let mut state = sandbox.state();
            let token = state.issue(sandbox.0.seed);
            let mut body = json!({"token_type": "Bearer", "expires_in": state.behaviour.token_seconds, "access_token": token});
            if refresh.is_some() {
                let newer = format!("{REFRESH_TOKEN}.{}", state.counts.sign_ins);
                body["refresh_token"] = newer.as_str().into();
                state.refresh_token = Some(newer);
            }
            Json(body).into_response()
        }
        _ => refused(70_003, "The app returned an unsupported grant type."),
    }
}

async fn list(State(sandbox): State<Sandbox>, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let query: HashMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let size = query.get("size").and_then(|size| size.parse().ok()).unwrap_or(MOST);
    if !(1..=MOST).contains(&size) {
        return sandbox.error(StatusCode::BAD_REQUEST, 2000, "The size is out of range.");
    }
    let token = request.headers().get("ms-continuationtoken").and_then(|token| token.to_str().ok());
    let start = match (query.get("seekOperation").map(String::as_str), token) {
        (None, None) => Some(0),
        (Some("Next"), Some(token)) => token.strip_suffix(",/+=").and_then(|token| token.parse().ok()),
        _ => None,
    };
    let Some(start) = start.filter(|start: &usize| *start <= sandbox.0.customers.len()) else {
        return sandbox.error(StatusCode::BAD_REQUEST, 2000, "The continuation token is not valid.");
    };

    let mut state = sandbox.state();
    let behaviour = state.behaviour.clone();
    let end = (start + size).min(sandbox.0.customers.len());
    let from = start - usize::from(behaviour.duplicates && start > 0);
    let listed = |number: &usize| !state.gone.contains(number) && !behaviour.left.contains_key(number);
    let there = (from..end).filter(listed);
    let mut items: Vec<_> = there.map(|number| sandbox.0.customers[number].listed()).collect();
    let more = end < sandbox.0.customers.len();
    if behaviour.vanishing && more {
        state.gone.insert(end);
    }
    drop(state);
    if behaviour.nobody {
        items.push(json!({"id": null, "companyProfile": {"companyName": "Nobody"}}));
    }
    let prefix = if behaviour.links_with_v1 { "/v1" } else { "" };
    let link = |seek: &str, headers| json!({"uri": format!("{prefix}/customers?size={size}{seek}"), "method": "GET", "headers": headers});
    let mut links = json!({"self": link("", json!([]))});
    if more || behaviour.dead_end {
        let next = if !more {
            sandbox.0.customers.len() + 1
        } else if behaviour.circle && start > 0 {
            start
        } else {
            end
        };
        let headers = json!([{"key": "MS-ContinuationToken", "value": format!("{next},/+=")}]);
        links["next"] = link("&seekOperation=Next", headers);
    }
    let attributes = json!({"objectType": "SeekBasedResourceCollection"});
    let total = items.len();
    sandbox.json(
        StatusCode::OK,
        &json!({"totalCount": total, "items": items, "links": links, "attributes": attributes}),
    )
}

impl Sandbox {
    fn known(&self, id: &str) -> Option<(usize, &MadeUp)> {
        let number = *self.0.by_id.get(id).filter(|number| !self.state().gone.contains(number))?;
        Some((number, &self.0.customers[number]))
    }

    fn is_good(&self, refresh_token: &str) -> bool {
        let state = self.state();
        let newest = state.refresh_token.as_deref().unwrap_or(REFRESH_TOKEN);
        refresh_token == newest
            || !state.behaviour.refresh_tokens_once && refresh_token.starts_with(REFRESH_TOKEN)
    }

    fn no_customer(&self) -> Response {
        self.error(StatusCode::NOT_FOUND, 600_009, "Customer not found.")
    }
}

async fn customer(State(sandbox): State<Sandbox>, Path(id): Path<String>) -> Response {
    let left =
        sandbox.known(&id).and_then(|(number, _)| sandbox.state().behaviour.left.get(&number).copied());
    if let Some(code) = left {
        let status = match code {
            404 => StatusCode::NOT_FOUND,
            3000 => StatusCode::BAD_REQUEST,
            _ => StatusCode::FORBIDDEN,
        };
        return sandbox.error(status, code, "There is no relationship with this customer.");
    }
    match sandbox.known(&id) {
        Some((_, customer)) => sandbox.json(StatusCode::OK, &customer.listed()),
        None => sandbox.no_customer(),
    }
}

async fn billing_profile(State(sandbox): State<Sandbox>, Path(id): Path<String>) -> Response {
    let Behaviour { no_billing_every: hidden, moved_by, .. } = sandbox.state().behaviour;
    match sandbox.known(&id) {
        Some((number, _)) if is_nth(number, hidden) => {
            let rights = "The supplied role does not have the rights to perform the requested operation";
            sandbox.error(StatusCode::FORBIDDEN, 600_006, rights)
        }
        Some((_, customer)) => sandbox.json(StatusCode::OK, &customer.billing_profile(moved_by)),
        None => sandbox.no_customer(),
    }
}

async fn organization(State(sandbox): State<Sandbox>, Path(id): Path<String>) -> Response {
    let Behaviour { no_organization_every: hidden, moved_by, .. } = sandbox.state().behaviour;
    match sandbox.known(&id) {
        Some((number, _)) if is_nth(number, hidden) => (StatusCode::FORBIDDEN, "null").into_response(),
        Some((_, customer)) => sandbox.json(StatusCode::OK, &customer.organization(moved_by)),
        None => sandbox.no_customer(),
    }
}

fn is_nth(number: usize, every: Option<usize>) -> bool {
    every.is_some_and(|every| number.is_multiple_of(every.max(1)))
}
