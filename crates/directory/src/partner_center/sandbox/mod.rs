//! A Partner Center of our own, for tests and for trying out: it pages, throttles, forgets rights, hangs and lies as
//! the real one does, and the same way each time.
//!
//! It has the paths of the identity platform, of Partner Center, of Microsoft Graph's billing exports and of the store behind
//! them on one address, and `/sandbox` to drive it (`/sandbox/clock` for its clock): `GET`
//! answers its [`Behaviour`], what it was asked, and how often; `PUT` replaces the behaviour, missing fields taken
//! from the default. Beside the behaviour, which lasts, `next` and `next_sign_in` are [`Fault`]s for the next
//! requests, one for each.
//!
//! ```sh
//! curl -X PUT localhost:PORT/sandbox -d '{"throttle_after": 500, "next": [{"fault": "status", "status": 503}]}'
//! ```

mod answers;
mod behaviour;
mod billing;
mod customers;
mod gate;

pub use behaviour::{Asked, Behaviour, Counts, Fault, Status};
pub use billing::{BillingFaults, ManifestPlace};
pub use customers::made_up_id;

use super::{Credentials, Settings};
use crate::transport::{Body, SendError, Transport};
use axum::Router;
use bytes::Bytes;
use customers::MadeUp;
use futures_util::future::BoxFuture;
use gate::{Issued, Window};
use http::{Request, Response};
use http_body_util::BodyExt;
use secrecy::SecretString;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tower::ServiceExt;

/// The application id that the sandbox knows.
pub const CLIENT_ID: &str = "00000000-5a4d-4b0c-8000-000000000001";
/// That application's secret.
pub const CLIENT_SECRET: &str = "sandbox~secret+with/odd=characters";
/// The refresh token to begin with.
pub const REFRESH_TOKEN: &str = "sandbox-refresh-token-0";

/// A Partner Center with made-up customers. Clones are the same one.
#[derive(Clone)]
pub struct Sandbox(Arc<Inner>);

struct Inner {
    seed: u64,
    customers: Vec<MadeUp>,
    by_id: HashMap<String, usize>,
    state: Mutex<State>,
}

/// What changes while it runs.
#[derive(Default)]
struct State {
    behaviour: Behaviour,
    counts: Counts,
    asked: std::collections::VecDeque<Asked>,
    window: Option<Window>,
    tokens: HashMap<String, Issued>,
    /// The newest refresh token, if one was given.
    refresh_token: Option<String>,
    /// Customers that have disappeared.
    gone: HashSet<usize>,
    billing: billing::Billing,
}

impl Sandbox {
    /// So many customers, made up from the seed.
    pub fn new(customers: usize, seed: u64, behaviour: Behaviour) -> Self {
        let customers: Vec<MadeUp> = (0..customers).map(|number| MadeUp::new(seed, number)).collect();
        let by_id =
            customers.iter().enumerate().map(|(number, customer)| (customer.id.clone(), number)).collect();
        let state = Mutex::new(State { behaviour, ..State::default() });
        Sandbox(Arc::new(Inner { seed, customers, by_id, state }))
    }

    /// Its paths, to be served on loopback.
    pub fn router(&self) -> Router {
        answers::router(self.clone())
    }

    /// Settings of a client for a sandbox that is served at this address.
    pub fn settings(url: &str) -> Settings {
        let credentials = Credentials::ClientSecret(SecretString::from(CLIENT_SECRET));
        Settings {
            login_url: url.to_owned(),
            api_url: url.to_owned(),
            graph_url: Some(format!("{url}/v1.0")),
            ..Settings::new("partner.example", CLIENT_ID, credentials)
        }
    }

    /// Behave like this from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        self.state().behaviour = behaviour;
    }

    /// How it behaves, and what it was asked.
    pub fn status(&self) -> Status {
        let state = self.state();
        Status {
            behaviour: state.behaviour.clone(),
            counts: state.counts,
            asked: state.asked.iter().cloned().collect(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Without a network: what tests with a paused clock need.
impl Transport for Sandbox {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Body>, SendError>> {
        let answer = self.router().oneshot(request.map(axum::body::Body::from));
        Box::pin(async move {
            let answer = answer.await.unwrap_or_else(|never| match never {});
            Ok(answer.map(|body| body.map_err(|error| SendError::of(&error)).boxed_unsync()))
        })
    }
}
