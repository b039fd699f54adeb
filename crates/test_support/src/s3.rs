//! An object store of the test's own process.

use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;

const KEY: (&str, &str) = ("tenantry", "a-secret-that-must-not-show");

/// It ends with this value.
pub struct S3 {
    address: String,
    folder: TempDir,
    refuses: Arc<AtomicBool>,
    _runtime: tokio::runtime::Runtime,
}

impl S3 {
    /// Its one bucket.
    pub const BUCKET: &str = "invoices";

    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("tenantry-s3-").tempdir().unwrap();
        std::fs::create_dir(folder.path().join(S3::BUCKET)).unwrap();
        let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).unwrap());
        service.set_auth(SimpleAuth::from_single(KEY.0, KEY.1));
        let service = service.build();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let refuses = Arc::new(AtomicBool::new(false));
        runtime.spawn({
            let (refuses, root) = (Arc::clone(&refuses), folder.path().to_owned());
            async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let (service, refuses, root) = (service.clone(), Arc::clone(&refuses), root.clone());
                    let answer = service_fn(move |request: Request<Incoming>| {
                        let at = root.join(request.uri().path().trim_start_matches('/'));
                        let status = match refuses.load(Ordering::Relaxed) {
                            true => Some(StatusCode::FORBIDDEN),
                            // S3 knows no folders; s3s-fs stumbles over its own.
                            false => (request.method() == Method::HEAD && at.is_dir())
                                .then_some(StatusCode::NOT_FOUND),
                        };
                        let service = service.clone();
                        async move {
                            if let Some(status) = status {
                                let empty = Empty::new().map_err(|never| match never {}).boxed_unsync();
                                let mut answer = Response::new(empty);
                                *answer.status_mut() = status;
                                return Ok(answer);
                            }
                            let answer = service
                                .call(request.map(s3s::Body::from))
                                .await
                                .map_err(std::io::Error::other)?;
                            Ok::<_, std::io::Error>(
                                answer.map(|body| body.map_err(std::io::Error::other).boxed_unsync()),
                            )
                        }
                    });
                    let connection = hyper::server::conn::http1::Builder::new();
                    tokio::spawn(connection.serve_connection(TokioIo::new(stream), answer));
                }
            }
        });
        S3 { address, folder, refuses, _runtime: runtime }
    }

    /// Whether it refuses everything from now on.
    pub fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::Relaxed);
    }

    /// What lets a server in.
    pub fn environment(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_ENDPOINT_URL", format!("http://{}", self.address)),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_ACCESS_KEY_ID", KEY.0.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", KEY.1.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
        ]
    }

    /// Where its objects are on the disk.
    pub fn bucket(&self) -> PathBuf {
        self.folder.path().join(S3::BUCKET)
    }
}
