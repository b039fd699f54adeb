//! A provider of OpenID Connect that says what it is told to, true or not.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

pub const CLIENT: &str = "tenantry";
pub const SECRET: &str = "the client's secret: 100 % & more";

/// What the provider hands out for a code.
#[derive(Clone)]
pub struct Grant {
    /// The token's claims. Nonce, audience and issuer are what is right if they are absent.
    pub claims: Value,
    /// The algorithm that the token's header names.
    pub algorithm: &'static str,
    /// Whether another key signs it than the one that is published.
    pub is_forged: bool,
}

struct State {
    issuer: String,
    address: String,
    key: KeyPair,
    other: KeyPair,
    /// By code: the challenge and nonce of the request, and what to hand out.
    grants: Mutex<HashMap<String, (String, Grant)>>,
    user_info: Mutex<Value>,
}

/// A running provider.
pub struct Provider {
    /// Its address, which for a provider of many tenants stands in front of the tenant.
    pub url: String,
    state: Arc<State>,
}

impl Provider {
    /// One issuer.
    pub fn start() -> Self {
        Self::start_as(|url| url.to_owned())
    }

    /// A provider of many tenants, as Microsoft Entra is.
    pub fn of_tenants() -> Self {
        Self::start_as(|url| format!("{url}/{{tenantid}}/v2.0"))
    }

    /// A provider whose metadata names this issuer.
    pub fn start_as(issuer: impl FnOnce(&str) -> String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let key = || KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let state = Arc::new(State {
            issuer: issuer(&url),
            address: url.clone(),
            key: key(),
            other: key(),
            grants: Mutex::default(),
            user_info: Mutex::new(Value::Null),
        });
        let served = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let state = Arc::clone(&served);
                std::thread::spawn(move || serve(&state, &stream.unwrap()));
            }
        });
        Provider { url, state }
    }

    /// The code that a browser brings back from `authorize`, the URL that it was sent to; with the state.
    pub fn grant(&self, authorize: &str, grant: Grant) -> (String, String) {
        let (path, query) = authorize.split_once('?').unwrap();
        assert_eq!(path, format!("{}/authorize", self.url));
        let query = fields(query);
        assert_eq!(query["response_type"], "code");
        assert_eq!(query["client_id"], CLIENT);
        assert_eq!(query["code_challenge_method"], "S256");
        assert!(query["scope"].split(' ').any(|scope| scope == "openid"), "{query:?}");
        let mut grant = grant;
        let claims = grant.claims.as_object_mut().unwrap();
        for (name, value) in
            [("iss", &self.state.issuer), ("aud", &CLIENT.to_owned()), ("nonce", &query["nonce"])]
        {
            claims.entry(name).or_insert_with(|| json!(value));
        }
        claims.retain(|_, value| !value.is_null());
        let code = format!("code-{}", &query["state"][..8]);
        let kept = (query["code_challenge"].clone(), grant);
        self.state.grants.lock().unwrap_or_else(PoisonError::into_inner).insert(code.clone(), kept);
        (code, query["state"].clone())
    }

    /// What the user information endpoint says.
    pub fn set_user_info(&self, claims: Value) {
        *self.state.user_info.lock().unwrap_or_else(PoisonError::into_inner) = claims;
    }
}

fn serve(state: &State, mut stream: &TcpStream) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    // The client keeps connections.
    while reader.read_line(&mut line).is_ok_and(|read| read > 0) {
        let path = line.split(' ').nth(1).unwrap().to_owned();
        let (mut length, mut authorization) = (0, String::new());
        loop {
            line.clear();
            reader.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim().split_once(':') else { break };
            match name.to_lowercase().as_str() {
                "content-length" => length = value.trim().parse().unwrap(),
                "authorization" => value.trim().clone_into(&mut authorization),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let (status, answer) = answer(state, &path, &authorization, &String::from_utf8(body).unwrap());
        let answer = answer.to_string();
        let sent = write!(
            stream,
            "HTTP/1.1 {status} .\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{answer}",
            answer.len()
        );
        if sent.is_err() {
            return;
        }
        line.clear();
    }
}

fn answer(state: &State, path: &str, authorization: &str, body: &str) -> (u16, Value) {
    let at = &state.address;
    match path {
        _ if path.ends_with("/.well-known/openid-configuration") => (
            200,
            json!({
                "issuer": state.issuer,
                "authorization_endpoint": format!("{at}/authorize"),
                "token_endpoint": format!("{at}/token"),
                "userinfo_endpoint": format!("{at}/me"),
                "jwks_uri": format!("{at}/keys"),
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256", "HS256", "none"],
            }),
        ),
        "/keys" => {
            let point = state.key.der_bytes();
            let part = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&point[range]);
            let key = json!({"kty": "EC", "crv": "P-256", "use": "sig", "kid": "1", "alg": "ES256", "x": part(1..33), "y": part(33..65)});
            (200, json!({"keys": [key]}))
        }
        "/token" => token(state, authorization, &fields(body)),
        "/me" => (200, state.user_info.lock().unwrap_or_else(PoisonError::into_inner).clone()),
        _ => (404, json!({})),
    }
}

fn token(state: &State, authorization: &str, form: &BTreeMap<String, String>) -> (u16, Value) {
    let refused = |why: &str| (400, json!({"error": "invalid_grant", "error_description": why}));
    let escaped: String = form_encode(SECRET);
    if authorization != format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{escaped}"))) {
        return (401, json!({"error": "invalid_client"}));
    }
    // A code is good once.
    let granted = state.grants.lock().unwrap_or_else(PoisonError::into_inner).remove(&form["code"]);
    let Some((challenge, grant)) = granted else { return refused("unknown code") };
    if URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"])) != challenge {
        return refused("PKCE verification failed");
    }
    let token = signed(state, &grant);
    (200, json!({"access_token": "opaque", "token_type": "Bearer", "expires_in": 300, "id_token": token}))
}

fn signed(state: &State, grant: &Grant) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({"alg": grant.algorithm, "kid": "1", "typ": "JWT"});
    let text = format!("{}.{}", part(&header), part(&grant.claims));
    let signature = match grant.algorithm {
        "none" => Vec::new(),
        "HS256" => hmac(SECRET.as_bytes(), text.as_bytes()),
        _ => {
            let key = if grant.is_forged { &state.other } else { &state.key };
            fixed(&key.sign(text.as_bytes()).unwrap())
        }
    };
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// An ECDSA signature as JWTs have it (RFC 7518, section 3.4): two numbers of 32 bytes, out of the DER of two integers.
fn fixed(der: &[u8]) -> Vec<u8> {
    let mut signature = Vec::new();
    let mut rest = &der[2..];
    for _ in 0..2 {
        let (number, behind) = rest[2..].split_at(usize::from(rest[1]));
        let start = number.len().saturating_sub(32);
        signature.extend(vec![0; 32 - number[start..].len()]);
        signature.extend(&number[start..]);
        rest = behind;
    }
    signature
}

/// HMAC-SHA-256 (RFC 2104) for keys of up to 64 bytes.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let pad = |with: u8| (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ with).collect::<Vec<u8>>();
    let inner = Sha256::digest([&pad(0x36)[..], text].concat());
    Sha256::digest([&pad(0x5c)[..], &inner].concat()).to_vec()
}

fn form_encode(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => char::from(byte).to_string(),
        b' ' => "+".to_owned(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

/// The fields of a query or a form.
pub(crate) fn fields(encoded: &str) -> BTreeMap<String, String> {
    let decode = |text: &str| {
        let (mut bytes, text) = (Vec::new(), text.replace('+', " ").into_bytes());
        let mut at = 0;
        while at < text.len() {
            let hex = (text[at] == b'%').then(|| std::str::from_utf8(&text[at + 1..at + 3]).unwrap());
            bytes.push(hex.map_or(text[at], |hex| u8::from_str_radix(hex, 16).unwrap()));
            at += if hex.is_some() { 3 } else { 1 };
        }
        String::from_utf8(bytes).unwrap()
    };
    let pairs = encoded.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decode(name), decode(value))).collect()
}
