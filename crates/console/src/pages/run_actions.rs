//! What is done with a run, and how far it is, as events.

use crate::cx::Cx;
use crate::failure::Failure;
use crate::pages::bill_run::{Progress, done, how_far, run_id};
use crate::pages::customer_form::no_body;
use crate::routes::Routes;
use app::billing::RunAction;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use domain::Json;
use http::{HeaderValue, header};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// How often a page with a run under way is told how far it is.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);
/// After so many reports the browser asks again, so that its session is looked at again.
const MAX_REPORTS: u32 = 60;

pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .get("/console/billing/runs/{id}/progress", progress)
        .post("/console/billing/runs/{id}/release", release)
        .post("/console/billing/runs/{id}/publish", publish)
        .post("/console/billing/runs/{id}/cancel", cancel)
        .post("/console/billing/runs/{id}/withdraw", withdraw)
}

/// Reports how far a run is, as server-sent events: `progress` with percent and text, and `done` at its end.
async fn progress(cx: Arc<Cx>) -> Result<Response, Failure> {
    let id = run_id(&cx)?;
    cx.app.bill_run(cx.call(), id).await?;
    let reports = futures_util::stream::unfold((cx, 0), move |(cx, sent)| async move {
        if sent == MAX_REPORTS {
            return None;
        }
        if sent > 0 {
            tokio::time::sleep(PROGRESS_INTERVAL).await;
        }
        // A database that does not answer for a moment ends the stream, and the browser asks again.
        let run = cx.app.bill_run(cx.call(), id).await.ok()?;
        let (event, next) = if run.state.is_under_way() {
            let Progress { percent, text } = how_far(&cx, &run);
            (Event::default().event("progress").data(format!("{percent} {text}")), sent + 1)
        } else {
            (Event::default().event("done").data(run.state.as_str()), MAX_REPORTS)
        };
        Some((Ok::<_, Infallible>(event), (cx, next)))
    });
    let mut response = Sse::new(reports).keep_alive(KeepAlive::default()).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn release(cx: Arc<Cx>) -> Result<Response, Failure> {
    let id = run_id(&cx)?;
    let ids = cx.form.all("customer").filter_map(|id| id.parse::<i64>().ok());
    let ids = Json::Array(ids.map(|id| Json::Number(id.into())).collect());
    let body = Json::Object(vec![("customer_ids".to_owned(), ids), ("accept".to_owned(), accepted(&cx))]);
    cx.app.act_on_bill_run(cx.call(), id, RunAction::Release(body), no_body).await?;
    Ok(done(id, "run-released"))
}

async fn publish(cx: Arc<Cx>) -> Result<Response, Failure> {
    let id = run_id(&cx)?;
    let body = Json::Object(vec![("accept".to_owned(), accepted(&cx))]);
    cx.app.publish_bill_run(cx.call(), id, &body, no_body).await?;
    Ok(done(id, "run-published"))
}

/// The codes of warnings whose boxes are ticked.
fn accepted(cx: &Cx) -> Json {
    Json::Array(cx.form.all("accept").map(|code| Json::String(code.to_owned())).collect())
}

async fn cancel(cx: Arc<Cx>) -> Result<Response, Failure> {
    let id = run_id(&cx)?;
    cx.app.cancel_bill_run(cx.call(), id).await?;
    Ok(done(id, "run-cancelled"))
}

async fn withdraw(cx: Arc<Cx>) -> Result<Response, Failure> {
    let id = run_id(&cx)?;
    cx.app.withdraw_bill_run(cx.call(), id).await?;
    Ok(done(id, "run-withdrawn"))
}
