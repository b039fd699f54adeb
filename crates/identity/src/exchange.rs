//! The exchange of a code for tokens, and the check of what they say.

use crate::claims::{Extra, Identity};
use crate::error::{Error, shown};
use crate::{Answer, Client, Issuer, Pending, Provider};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use directory::{SendError, Transport};
use http::{Request, header};
use http_body_util::{BodyExt, Limited};
use jiff::Timestamp;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreClientAuthMethod, CoreErrorResponseType, CoreGenderClaim,
    CoreJsonWebKey, CoreJsonWebKeySet, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
    CoreProviderMetadata, CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse,
    CoreTokenType,
};
use openidconnect::{
    AsyncHttpClient, AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret,
    EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IdToken,
    IdTokenFields, IdTokenVerifier, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeVerifier, RedirectUrl,
    RequestTokenError, StandardErrorResponse, StandardTokenResponse, TokenResponse, UserInfoClaims,
    UserInfoError,
};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// The maximum time for one request.
const TIME_OUT: Duration = Duration::from_secs(10);
/// The maximum size of an answer, in bytes. Microsoft's keys are some 15 kB.
const MAX_ANSWER: usize = 512 * 1024;

/// The algorithms that a token may be signed with: only those with a public key, so that neither `none` nor a text signed
/// with something that others know passes.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

type Fields = IdTokenFields<
    Extra,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type Tokens = StandardTokenResponse<Fields, CoreTokenType>;
type Token = IdToken<Extra, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;
type OpenIdClient = openidconnect::Client<
    Extra,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// The registration with a provider, for one request.
pub(crate) fn client(
    provider: &Provider,
    metadata: &CoreProviderMetadata,
    redirect_uri: &str,
) -> Result<OpenIdClient, Error> {
    let redirect_uri = RedirectUrl::new(redirect_uri.to_owned());
    let redirect_uri = redirect_uri.map_err(|error| Error::Settings(format!("redirect URI: {error}")))?;
    let secret = ClientSecret::new(provider.client_secret.expose_secret().to_owned());
    let id = ClientId::new(provider.client_id.clone());
    let client = OpenIdClient::from_provider_metadata(metadata.clone(), id, Some(secret));
    // Without a list, a provider takes the secret in the header (OpenID Connect Discovery, section 3).
    let methods = metadata.token_endpoint_auth_methods_supported();
    let takes = |method: &CoreClientAuthMethod| methods.is_some_and(|methods| methods.contains(method));
    let in_body =
        takes(&CoreClientAuthMethod::ClientSecretPost) && !takes(&CoreClientAuthMethod::ClientSecretBasic);
    let auth_type = if in_body { AuthType::RequestBody } else { AuthType::BasicAuth };
    Ok(client.set_redirect_uri(redirect_uri).set_auth_type(auth_type))
}

impl Client {
    /// Exchanges the code for tokens and verifies what they say at this time.
    ///
    /// # Errors
    /// All of [`Error`].
    pub async fn finish(
        &self,
        provider: &Provider,
        redirect_uri: &str,
        pending: Pending,
        answer: Answer<'_>,
        now: Timestamp,
    ) -> Result<Identity, Error> {
        if let (Issuer::Fixed(expected), Some(said)) = (&provider.issuer, answer.issuer)
            && said != expected
        {
            return Err(Error::Untrusted(format!("the answer is of the issuer {:?}", shown(said))));
        }
        let metadata = self.metadata(&provider.issuer).await?;
        let client = client(provider, &metadata, redirect_uri)?;
        let http = &self.http;
        let tokens = client
            .exchange_code(AuthorizationCode::new(answer.code.to_owned()))
            .map_err(|_| Error::Unreachable("its metadata names no token endpoint".into()))?
            .set_pkce_verifier(PkceCodeVerifier::new(pending.verifier))
            .request_async(http)
            .await
            .map_err(refusal)?;
        let token = tokens.id_token().ok_or(Error::Untrusted("there is none".into()))?;
        let issuer = provider.issuer.of_tenant(unverified_tenant(token).as_deref())?;
        let keys = self.keys(&metadata).await?;
        let verifier = verifier(provider, &issuer, keys, now)?;
        let claims =
            token.claims(&verifier, &Nonce::new(pending.nonce)).map_err(|error| untrusted(&error))?;
        let extra = claims.additional_claims();
        let is_entra = extra.tid.as_ref().is_some_and(|tid| issuer.ends_with(&format!("/{tid}/v2.0")));
        let mut email = claims.email().map(|email| email.to_string());
        let mut is_verified = claims.email_verified() == Some(true) || is_entra && extra.is_domain_verified();
        if email.is_none() && client.user_info_url().is_some() {
            let subject = Some(claims.subject().clone());
            let request = client.user_info(tokens.access_token().clone(), subject);
            let request = request.map_err(|error| Error::Unreachable(error.to_string()))?;
            let said: UserInfoClaims<Extra, CoreGenderClaim> =
                request.request_async(http).await.map_err(user_info)?;
            email = said.email().map(|email| email.to_string());
            is_verified = said.email_verified() == Some(true);
        }
        let (verified, unverified) = if is_verified { (email, None) } else { (None, email) };
        Ok(Identity {
            issuer,
            subject: claims.subject().to_string(),
            email: verified,
            has_unverified_email: unverified.is_some(),
            tenant: extra.tid.clone().filter(|_| is_entra),
        })
    }

    pub(crate) async fn keys(&self, metadata: &CoreProviderMetadata) -> Result<CoreJsonWebKeySet, Error> {
        self.get_json(metadata.jwks_uri().as_str(), "its keys").await
    }

    pub(crate) async fn get_json<T: DeserializeOwned>(&self, url: &str, what: &str) -> Result<T, Error> {
        let request = Request::get(url).header(header::ACCEPT, "application/json").body(Vec::new());
        let request = request.map_err(|error| Error::Settings(format!("{}: {error}", shown(url))))?;
        let answer = self.http.send(request).await.map_err(|error| unreachable(&error))?;
        if !answer.status().is_success() {
            return Err(Error::Unreachable(format!("{} answers {}", shown(url), answer.status().as_u16())));
        }
        serde_json::from_slice(answer.body())
            .map_err(|error| Error::Unreachable(format!("{what} at {} cannot be read: {error}", shown(url))))
    }
}

/// The HTTP client that openidconnect asks for.
pub(crate) struct Http(pub(crate) Arc<dyn Transport>);

impl Http {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, SendError> {
        let too_long = |_| SendError::Failed("it does not answer in time".into());
        let asked = async {
            let answer = self.0.send(request.map(Bytes::from)).await?;
            let (parts, body) = answer.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await;
            let body = body.map_err(|error| SendError::Failed(format!("its answer: {error}")))?;
            Ok(HttpResponse::from_parts(parts, body.to_bytes().to_vec()))
        };
        tokio::time::timeout(TIME_OUT, asked).await.map_err(too_long)?
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = SendError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, SendError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

fn verifier(
    provider: &Provider,
    issuer: &str,
    keys: CoreJsonWebKeySet,
    now: Timestamp,
) -> Result<IdTokenVerifier<'static, CoreJsonWebKey>, Error> {
    let issuer = IssuerUrl::new(issuer.to_owned()).map_err(|error| Error::Settings(error.to_string()))?;
    let now = DateTime::<Utc>::from_timestamp(now.as_second(), 0).unwrap_or(DateTime::<Utc>::MAX_UTC);
    let id = ClientId::new(provider.client_id.clone());
    Ok(IdTokenVerifier::new_public_client(id, issuer, keys)
        .set_allowed_algs(ALGORITHMS)
        .set_other_audience_verifier_fn(|_| false)
        .set_time_fn(move || now))
}

/// The tenant that a token names, before it is verified: it says only which issuer the token has to prove.
fn unverified_tenant(token: &Token) -> Option<String> {
    let text = token.to_string();
    let payload = URL_SAFE_NO_PAD.decode(text.split('.').nth(1)?).ok()?;
    let extra: Extra = serde_json::from_slice(&payload).ok()?;
    extra.tid
}

fn unreachable(error: &SendError) -> Error {
    Error::Unreachable(shown(&error.to_string()))
}

fn refusal(error: RequestTokenError<SendError, StandardErrorResponse<CoreErrorResponseType>>) -> Error {
    match error {
        RequestTokenError::ServerResponse(said) => Error::Refused(shown(&said.to_string())),
        RequestTokenError::Request(error) => unreachable(&error),
        // Neither the body nor the parser's error is repeated: a token may be in them.
        RequestTokenError::Parse(error, _) => {
            Error::Untrusted(format!("the answer cannot be read at {}", shown(&error.path().to_string())))
        }
        RequestTokenError::Other(said) => Error::Untrusted(shown(&said)),
    }
}

fn untrusted(error: &ClaimsVerificationError) -> Error {
    Error::Untrusted(shown(&error.to_string()))
}

fn user_info(error: UserInfoError<SendError>) -> Error {
    match error {
        UserInfoError::Request(error) => unreachable(&error),
        UserInfoError::ClaimsVerification(error) => untrusted(&error),
        UserInfoError::Response(status, ..) => {
            Error::Unreachable(format!("its user information endpoint answers {}", status.as_u16()))
        }
        _ => Error::Untrusted("its user information cannot be read".into()),
    }
}
