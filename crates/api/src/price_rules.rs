//! `/v1/price_rules`.

use crate::base_url::ListUrl;
use crate::created::Created;
use crate::extract::{Caller, Ids, JsonBody, Parameters, Posted, Precondition};
use crate::ignored::naming_ignored;
use crate::problem::Problem;
use crate::{Shared, ignored, paging, schema};
use app::billing::{RULE_PAYLOAD, RuleView, TriedRule};
use app::{Call, Error, Paging, Refusal};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(create_price_rule, list_price_rules))
        .routes(routes!(show_price_rule, update_price_rule, delete_price_rule))
        .routes(routes!(try_price_rule))
        .routes(routes!(try_price_rule_change))
}

/// Make a price rule
///
/// Rules are tried in the order of their positions; the first that matches a line prices it.
#[utoipa::path(
    post, path = "/price_rules", tag = "billing", params(schema::IdempotencyKey),
    request_body(content = schema::NewPriceRule,
                 example = json!({"name": "Azure at a margin of 15 %", "kind": "margin", "percentage": "15"})),
    responses(
        (status = 201, description = "The price rule", body = schema::PriceRule,
         headers(("Location" = String, description = "Where the price rule is from now on"),
                 ("ETag" = String, description = "Its version, for `If-Match`"),
                 ("Idempotency-Replayed" = String, description = "Only on a repetition of the first answer: `true`"))),
        schema::Refusals, schema::BodyRefusals, schema::Repetition,
    )
)]
async fn create_price_rule(
    State(shared): State<Shared>,
    Posted(call, body): Posted,
) -> Result<Response, Problem> {
    let write = schema::body::<schema::PriceRule, _>;
    let created = Created(StatusCode::CREATED, shared.app.create_price_rule(&call, &body, write).await?);
    Ok(naming_ignored(&RULE_PAYLOAD, &body, created))
}

/// List price rules
///
/// In the order in which they are tried.
#[utoipa::path(
    get, path = "/price_rules", tag = "billing", params(schema::Paging, schema::StrictHandling),
    responses(
        (status = 200, description = "A page of price rules", body = schema::PriceRuleList,
         headers(("Link" = String, description = "`first`, `prev`, `next`, `last` (RFC 8288)"),
                 ("X-Total" = i64, description = "How many price rules there are"),
                 ("X-Per-Page" = i64, description = "How many a page has"))),
        (status = 422, description = "Parameters that will not do", body = schema::Error),
        schema::Refusals,
    )
)]
async fn list_price_rules(
    State(shared): State<Shared>,
    Caller(call): Caller,
    ListUrl(url): ListUrl,
    Parameters(parameters): Parameters,
) -> Result<Response, Problem> {
    let paging = Paging::parse(&parameters)?;
    let (rules, total) = shared.app.price_rules(&call, paging).await?;
    let more = paging.page * paging.per_page < total;
    let headers = paging::headers(&url, &parameters, paging, total, more, None);
    Ok((headers, Json(schema::PriceRuleList::from(rules))).into_response())
}

/// Read a price rule
///
/// As it is now; bills of before may have been priced by an earlier version of it.
#[utoipa::path(
    get, path = "/price_rules/{id}", tag = "billing", params(schema::PriceRuleId),
    responses(
        (status = 200, description = "The price rule", body = schema::PriceRule,
         headers(("ETag" = String, description = "Its version, for `If-Match`"))),
        (status = 404, description = "No such object, or another partner's", body = schema::Error),
        schema::Refusals,
    )
)]
async fn show_price_rule(
    State(shared): State<Shared>,
    Ids(id): Ids<i64>,
    Caller(call): Caller,
) -> Result<Response, Problem> {
    Ok(answer(&shared.app.price_rule(&call, id).await?))
}

/// Change a price rule
///
/// Changes only what the body names; `null` clears what is optional. Bills that it has priced stay as they are.
#[utoipa::path(
    put, path = "/price_rules/{id}", tag = "billing",
    params(schema::PriceRuleId, schema::IfMatch), request_body = schema::PriceRuleChange,
    responses(
        (status = 200, description = "The price rule as it is now", body = schema::PriceRule,
         headers(("ETag" = String, description = "Its version, for `If-Match`"))),
        (status = 404, description = "No such object, or another partner's", body = schema::Error),
        (status = 412, description = "It has changed since the version that `If-Match` names", body = schema::Error),
        schema::Refusals, schema::BodyRefusals,
    )
)]
async fn update_price_rule(
    State(shared): State<Shared>,
    Ids(id): Ids<i64>,
    Caller(call): Caller,
    Precondition(if_match): Precondition,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let ignored = RULE_PAYLOAD.ignored(&body);
    let mut response = answer(&shared.app.update_price_rule(&call, id, body, if_match).await?);
    ignored::insert(response.headers_mut(), &ignored);
    Ok(response)
}

/// Delete a price rule
///
/// Bills that it has priced stay as they are.
#[utoipa::path(
    delete, path = "/price_rules/{id}", tag = "billing", params(schema::PriceRuleId, schema::IfMatch),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "No such object, or another partner's", body = schema::Error),
        (status = 412, description = "It has changed since the version that `If-Match` names", body = schema::Error),
        schema::Refusals,
    )
)]
async fn delete_price_rule(
    State(shared): State<Shared>,
    Ids(id): Ids<i64>,
    Caller(call): Caller,
    Precondition(if_match): Precondition,
) -> Result<StatusCode, Problem> {
    shared.app.delete_price_rule(&call, id, if_match).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Try a price rule before it is made
///
/// Whose bills of the last month that is over would change, and by how much: the files of the month's last run are rated without
/// the rule and with it. Nothing is stored. One at a time, and for at most 30 seconds.
#[utoipa::path(
    post, path = "/price_rules/try", tag = "billing",
    request_body(content = schema::NewPriceRule,
                 example = json!({"name": "Azure at a margin of 15 %", "kind": "margin", "percentage": "15"})),
    responses(
        (status = 200, description = "What the rule would change", body = schema::PriceRuleTrial),
        (status = 409, description = "No month was billed yet, its files are not there or have changed, it is too large, or \
                                      another rule is being tried", body = schema::Error),
        schema::Refusals, schema::BodyRefusals,
    )
)]
async fn try_price_rule(
    State(shared): State<Shared>,
    Caller(call): Caller,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    tried(&shared, &call, None, &body).await
}

/// Try a change of a price rule before it is made
///
/// As for a rule that is not there yet; the body names what would change.
#[utoipa::path(
    post, path = "/price_rules/{id}/try", tag = "billing", params(schema::PriceRuleId),
    request_body = schema::PriceRuleChange,
    responses(
        (status = 200, description = "What the change would change", body = schema::PriceRuleTrial),
        (status = 404, description = "No such object, or another partner's", body = schema::Error),
        (status = 409, description = "No month was billed yet, its files are not there or have changed, it is too large, or \
                                      another rule is being tried", body = schema::Error),
        schema::Refusals, schema::BodyRefusals,
    )
)]
async fn try_price_rule_change(
    State(shared): State<Shared>,
    Ids(id): Ids<i64>,
    Caller(call): Caller,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    tried(&shared, &call, Some(id), &body).await
}

async fn tried(
    shared: &Shared,
    call: &Call,
    id: Option<i64>,
    body: &domain::Json,
) -> Result<Response, Problem> {
    let trial = match shared.app.try_price_rule(call, id, body).await? {
        TriedRule::Tried(trial) => schema::PriceRuleTrial::from(trial),
        TriedRule::NoMonth => {
            let why = "there is no month to try the rule on: none was billed yet";
            return Err(Error::Conflict(why.into()).into());
        }
        TriedRule::Failed(errors) => {
            let errors = errors.iter().map(|error| Refusal::new(error.to_string()));
            return Err(Error::Conflict(errors.collect()).into());
        }
    };
    Ok(naming_ignored(&RULE_PAYLOAD, body, Json(trial)))
}

fn answer(rule: &RuleView) -> Response {
    ([(header::ETAG, format!("\"{}\"", rule.version()))], Json(schema::PriceRule::from(rule))).into_response()
}
