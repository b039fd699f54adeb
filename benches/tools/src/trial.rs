//! The bare engine behind HTTP: what is left of a create without any rule, key, audit event or first answer.

use crate::{CUSTOMER, Outcome, Random, TAGS, open};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use rusqlite::{Connection, params};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

const ROWS_PER_COMMIT: usize = 64;

/// A customer that waits for its commit: its name, and who wants to know its id.
type Waiting = (String, oneshot::Sender<i64>);

/// Serve `POST /v2/customers` on this port of 127.0.0.1, until it is stopped.
pub(crate) fn serve(file: &str, port: u16) -> Outcome<()> {
    let db = open(file)?;
    let (writer, queue) = mpsc::channel(1024);
    std::thread::spawn(move || write_loop(&db, queue).expect("the bare engine failed"));
    let app = Router::new().route("/healthz", get(|| async { "" })).route("/v2/customers", post(create));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
        Ok(axum::serve(listener, app.with_state(writer)).await?)
    })
}

async fn create(
    State(writer): State<mpsc::Sender<Waiting>>,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let (reply, answer) = oneshot::channel();
    let name = body["name"].as_str().unwrap_or_default().to_owned();
    if writer.send((name, reply)).await.is_err() {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(Value::Null));
    }
    match answer.await {
        Ok(id) => (StatusCode::CREATED, Json(json!({"id": id, "name": body["name"]}))),
        Err(_) => (StatusCode::CONFLICT, Json(Value::Null)),
    }
}

/// One transaction for all that wait, and only then the answers.
fn write_loop(db: &Connection, mut queue: mpsc::Receiver<Waiting>) -> Outcome<()> {
    let mut id: i64 = db.query_row("SELECT COALESCE(MAX(id), 0) FROM customers", [], |row| row.get(0))?;
    let mut random = Random::new();
    while let Some(first) = queue.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < ROWS_PER_COMMIT
            && let Ok(next) = queue.try_recv()
        {
            batch.push(next);
        }
        db.execute_batch("BEGIN IMMEDIATE")?;
        let mut made = Vec::with_capacity(batch.len());
        for (name, reply) in batch {
            let external = format!("{:012x}", random.next() >> 16);
            let row = params![id + 1, external, name, name.to_lowercase()];
            if db.prepare_cached(CUSTOMER)?.execute(row).is_ok() {
                id += 1;
                db.prepare_cached(TAGS)?.execute(params![id, (id % 10).to_string()])?;
                made.push((reply, id));
            }
        }
        db.execute_batch("COMMIT")?;
        for (reply, id) in made {
            let _ = reply.send(id); // nobody may be waiting any more
        }
    }
    Ok(())
}
