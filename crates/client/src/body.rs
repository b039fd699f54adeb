//! Bodies of answers.

use crate::Error;
use crate::error::chain;
use bytes::Bytes;
use http::HeaderMap;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use std::time::Duration;

/// How long the next piece of a body may take.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// The largest answer that is read into memory, in bytes. A page of a hundred customers is a hundredth of it.
const MAX_BYTES: usize = 64 << 20;

/// A body that is read piece by piece.
#[derive(Debug)]
pub struct Download {
    /// The answer's headers.
    pub headers: HeaderMap,
    pub(crate) body: Incoming,
    pub(crate) url: String,
}

impl Download {
    /// The next piece; `None` after the last. A body that ends early is an error.
    ///
    /// # Errors
    /// [`Error::Unreachable`].
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let broken = |message: String| Error::Unreachable { url: self.url.clone(), message };
            let frame = tokio::time::timeout(READ_TIMEOUT, self.body.frame()).await;
            let frame = frame.map_err(|_| broken("the answer stopped in the middle".to_owned()))?;
            match frame.transpose().map_err(|e| broken(chain(&e)))? {
                None => return Ok(None),
                Some(frame) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }
}

/// The whole body, or what was wrong with it.
pub(crate) async fn whole(body: Incoming) -> Result<Bytes, String> {
    let read = tokio::time::timeout(READ_TIMEOUT, Limited::new(body, MAX_BYTES).collect()).await;
    let read = read.map_err(|_| "the answer stopped in the middle".to_owned())?;
    Ok(read.map_err(|e| chain(&*e))?.to_bytes())
}
