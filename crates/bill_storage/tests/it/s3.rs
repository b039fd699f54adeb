//! An S3 in this process, with a front that may fail before or after the work is done.

use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, Method, Request, Response, Uri, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tenantry_bill_storage::{Bills, Settings};
use tokio::sync::Notify;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// What it asks for.
    Done,
    /// An answer with this status, and nothing is done.
    Refused(u16),
    /// It is done, and answered with this status.
    Denied(u16),
    /// It is done, and nobody hears of it.
    Unanswered,
    /// It is done, and the connection ends.
    HungUp,
    /// It is not even done.
    Lost,
    /// It waits until the test releases it.
    Held,
    /// Half of the answer's body comes, then the connection ends.
    Cut,
}

/// A request, as the front sees it.
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
}

impl Seen {
    /// Whether this makes an object of the parts of an upload.
    pub(crate) fn is_completion(&self) -> bool {
        self.method == Method::POST && self.uri.query().is_some_and(|query| query.contains("uploadId="))
    }
}

type Rule = dyn FnMut(&Seen) -> Fate + Send;

pub(crate) struct Server {
    folder: TempDir,
    pub(crate) address: String,
    rule: Arc<Mutex<Box<Rule>>>,
    signatures: bool,
    /// A request is held; it may go on.
    pub(crate) holds: Arc<Notify>,
    pub(crate) release: Arc<Notify>,
}

pub(crate) const BUCKET: &str = "invoices";
const KEY: (&str, &str) = ("tenantry", "a-secret-that-must-not-show");

impl Server {
    /// An S3 with one bucket, that wants to see signatures.
    pub(crate) async fn start() -> Self {
        Server::with(true, true).await
    }

    /// One that takes anybody's requests, and one that knows nothing of conditions.
    pub(crate) async fn with(signatures: bool, conditions: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).unwrap());
        if signatures {
            service.set_auth(SimpleAuth::from_single(KEY.0, KEY.1));
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let rule: Arc<Mutex<Box<Rule>>> = Arc::new(Mutex::new(Box::new(|_| Fate::Done)));
        let front = Front {
            service: service.build(),
            folder: folder.path().to_owned(),
            rule: rule.clone(),
            conditions,
            one_at_a_time: Arc::default(),
            holds: Arc::default(),
            release: Arc::default(),
        };
        let (holds, release) = (front.holds.clone(), front.release.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let front = front.clone();
                // As S3 does, it executes a request to its end, whether or not the client waits for it.
                let service = service_fn(move |request| {
                    let answering = tokio::spawn(front.clone().answer(request));
                    async { answering.await.expect("no panic") }
                });
                let connection = hyper::server::conn::http1::Builder::new();
                tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
            }
        });
        Server { folder, address, rule, signatures, holds, release }
    }

    /// The `last` request from now on, counted from 1, meets this fate, and what is returned is told when it arrives. The others
    /// are done.
    pub(crate) fn meet(&self, last: usize, fate: Fate) -> Arc<Notify> {
        let (arrived, mut count) = (Arc::new(Notify::new()), 0);
        let arrival = arrived.clone();
        self.rule(move |_| {
            count += 1;
            if count == last {
                arrival.notify_one();
                return fate;
            }
            Fate::Done
        });
        arrived
    }

    pub(crate) fn rule(&self, rule: impl FnMut(&Seen) -> Fate + Send + 'static) {
        *self.rule.lock().unwrap() = Box::new(rule);
    }

    /// What lets a client in, which waits so long for an answer.
    pub(crate) fn settings(&self, patience: &str) -> Settings {
        [
            ("AWS_ENDPOINT_URL", &*format!("http://{}", self.address)),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_ACCESS_KEY_ID", KEY.0),
            ("AWS_SECRET_ACCESS_KEY", KEY.1),
            ("AWS_SKIP_SIGNATURE", if self.signatures { "false" } else { "true" }),
            ("AWS_TIMEOUT", patience),
            ("AWS_READ_TIMEOUT", patience),
        ]
        .into_iter()
        .collect()
    }

    pub(crate) fn bills(&self) -> Bills {
        Bills::open(&format!("s3://{BUCKET}/bills/"), &self.settings("400ms")).unwrap()
    }

    /// Where the bucket's objects are on the disk.
    pub(crate) fn bucket(&self) -> PathBuf {
        self.folder.path().join(BUCKET)
    }

    /// Where October's bills of customer 3947 are.
    pub(crate) fn october(&self) -> PathBuf {
        self.bucket().join("bills/p1/acme/2026-10/3947")
    }

    /// Parts of uploads that were neither completed nor aborted.
    pub(crate) fn uploads(&self) -> usize {
        let names = std::fs::read_dir(self.folder.path()).unwrap();
        names.filter(|entry| entry.as_ref().unwrap().file_name().to_str().unwrap().contains("upload")).count()
    }
}

#[derive(Clone)]
struct Front {
    service: S3Service,
    folder: PathBuf,
    rule: Arc<Mutex<Box<Rule>>>,
    conditions: bool,
    /// s3s-fs looks whether something is there, and then writes; a real S3 does both at once.
    one_at_a_time: Arc<tokio::sync::Mutex<()>>,
    holds: Arc<Notify>,
    release: Arc<Notify>,
}

type Answer = Response<UnsyncBoxBody<Bytes, std::io::Error>>;

impl Front {
    async fn answer(self, request: Request<Incoming>) -> std::io::Result<Answer> {
        let (mut parts, body) = request.into_parts();
        let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
        let seen =
            Seen { method: parts.method.clone(), uri: parts.uri.clone(), headers: parts.headers.clone() };
        let fate = (self.rule.lock().unwrap())(&seen);
        match fate {
            Fate::Refused(status) => return Ok(status_of(status)),
            Fate::Lost => std::future::pending().await,
            Fate::Held => {
                self.holds.notify_one();
                self.release.notified().await;
            }
            _ => {}
        }
        if !self.conditions {
            parts.headers.remove(header::IF_NONE_MATCH);
        }
        let guard = self.one_at_a_time.lock().await;
        let at = self.folder.join(seen.uri.path().trim_start_matches('/'));
        let there = at.exists();
        // s3s-fs looks at this header in uploads of one piece only.
        let answer = if seen.is_completion() && parts.headers.contains_key(header::IF_NONE_MATCH) && there {
            status_of(412)
        } else if seen.method == Method::HEAD && at.is_dir() && at != self.folder.join(BUCKET) {
            // S3 knows no folders; s3s-fs stumbles over its own.
            status_of(404)
        } else {
            let request = Request::from_parts(parts, s3s::Body::from(body));
            let (parts, body) = self.service.call(request).await.unwrap().into_parts();
            let body = BodyExt::collect(body).await.unwrap().to_bytes();
            Response::from_parts(parts, full(body))
        };
        drop(guard);
        match fate {
            Fate::Denied(status) => Ok(status_of(status)),
            Fate::Unanswered => std::future::pending().await,
            Fate::HungUp => Err(std::io::Error::other("hung up")),
            Fate::Cut => Ok(halved(answer).await),
            _ => Ok(answer),
        }
    }
}

fn full(body: Bytes) -> UnsyncBoxBody<Bytes, std::io::Error> {
    Full::new(body).map_err(|e| match e {}).boxed_unsync()
}

fn status_of(status: u16) -> Answer {
    let code = match status {
        409 => "ConditionalRequestConflict",
        412 => "PreconditionFailed",
        403 => "AccessDenied",
        _ => "InternalError",
    };
    let text = format!("<Error><Code>{code}</Code><Message>as the test wants it</Message></Error>");
    Response::builder().status(status).body(full(text.into())).unwrap()
}

async fn halved(answer: Answer) -> Answer {
    let (mut parts, body) = answer.into_parts();
    let mut body = body.collect().await.unwrap().to_bytes();
    parts.headers.insert(header::CONTENT_LENGTH, body.len().into());
    let half = body.split_to(body.len() / 2);
    let pieces = [Ok(Frame::data(half)), Err(std::io::Error::other("cut off"))];
    let stream = futures_util::stream::iter(pieces).then(|piece| async {
        // What was written is on its way before the end comes.
        tokio::task::yield_now().await;
        piece
    });
    Response::from_parts(parts, StreamBody::new(stream).boxed_unsync())
}

/// The same numbers at every run (SplitMix64), below `below`.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}

/// Puts an object where a client would find it.
pub(crate) fn object(server: &Server, key: &str, bytes: &[u8]) {
    let path = server.bucket().join(key);
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
    std::fs::write(path, bytes).unwrap();
}
