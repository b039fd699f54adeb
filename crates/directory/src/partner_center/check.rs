//! What works of Partner Center, and what is missing, for the operator who connects it.

use super::{Client, Got, MFA_ADVICE, PartnerCenter};
use crate::error::Error;
use crate::report::{Check, Credential, Outcome, Report, Step};
use crate::tenant::{Page, TenantAddress};
use domain::AzureCustomerId;
use http::{HeaderName, HeaderValue};

const VALIDATE_MFA: HeaderName = HeaderName::from_static("validatemfa");

/// Why a step was not tested that Microsoft refuses without a multi-factor sign-in.
const STOPPED_BY_MFA: &str =
    "Microsoft refuses it without multi-factor authentication, whatever the permissions are";

/// Number of customers that are looked at: rights differ between them.
const SAMPLE: usize = 3;

impl PartnerCenter {
    /// Signs in with a new token, asks whether that was a multi-factor sign-in, lists customers, looks at the addresses of
    /// a few, and tries what billing needs.
    pub async fn check(&self) -> Report {
        let mut steps = Vec::new();
        let signed_in = self.0.api.tokens.renew(self.0.deadline()).await;
        let refused = signed_in.as_ref().err().and_then(refused_credential);
        let works = signed_in.is_ok();
        let signed_in = signed_in.map(|()| "the identity platform gives tokens".to_owned());
        steps.push(Step { refused, ..step(Check::SignIn, signed_in) });
        if !works {
            steps.push(skipped(Check::ListCustomers, "there is no token"));
            steps.push(skipped(Check::SeeAddresses, "there is no token"));
            return Report { steps };
        }
        if self.0.has_user {
            steps.push(self.0.check_mfa().await);
        }
        self.check_customers(&mut steps).await;
        steps.extend(self.check_billing().await);
        demand_mfa(&mut steps);
        Report { steps }
    }

    async fn check_customers(&self, steps: &mut Vec<Step>) {
        let page = self.page(None).await;
        let listing = step(Check::ListCustomers, page.as_ref().map(listed).map_err(Clone::clone));
        steps.push(match &page {
            Ok(page) => listing.having_seen(page.tenants.len(), None),
            Err(_) => listing,
        });
        let Ok(page) = page else {
            steps.push(skipped(Check::SeeAddresses, "there is no list"));
            return;
        };
        let sample: Vec<&AzureCustomerId> =
            page.tenants.iter().map(|tenant| &tenant.azure_customer_id).take(SAMPLE).collect();
        if sample.is_empty() {
            steps.push(skipped(Check::SeeAddresses, "there is no customer"));
        } else {
            steps.extend(self.0.check_addresses(&sample).await);
        }
    }
}

/// Where Microsoft has demanded a multi-factor sign-in at a call, that is what fails, whatever was answered to the question
/// whether there was one. It is no failure where tenants can be looked up nevertheless.
fn demand_mfa(steps: &mut Vec<Step>) {
    let is_stopped = |step: &Step| matches!(&step.outcome, Outcome::Skipped(why) if why == STOPPED_BY_MFA);
    let stopped: Vec<Check> = steps.iter().filter(|step| is_stopped(step)).map(|step| step.what).collect();
    if stopped.is_empty() {
        return;
    }
    let is_needed = stopped.iter().any(|what| [Check::ListCustomers, Check::SeeAddresses].contains(what));
    let why = MFA_ADVICE.to_owned();
    let outcome = if is_needed { Outcome::Fails(why) } else { Outcome::Lacks(why) };
    let demanded = Step { refused: Some(Credential::RefreshToken), ..Step::new(Check::MultiFactor, outcome) };
    match steps.iter_mut().find(|step| step.what == Check::MultiFactor) {
        Some(step) if matches!(step.outcome, Outcome::Fails(_)) => {}
        Some(step) => *step = demanded,
        None => steps.insert(1, demanded),
    }
}

/// How a step went that has failed. A demand for a multi-factor sign-in says nothing of the step's own permission.
pub(super) fn failed(error: &Error, outcome: fn(String) -> Outcome) -> Outcome {
    match error {
        Error::MfaRequired(_) => Outcome::Skipped(STOPPED_BY_MFA.to_owned()),
        error => outcome(error.to_string()),
    }
}

fn skipped(what: Check, why: &str) -> Step {
    Step::new(what, Outcome::Skipped(why.to_owned()))
}

/// The credential that this error is about.
fn refused_credential(error: &Error) -> Option<Credential> {
    match error {
        Error::CredentialRefused { credential, .. } => Some(*credential),
        Error::MfaRequired(_) => Some(Credential::RefreshToken),
        _ => None,
    }
}

impl Client {
    /// Partner Center answers `isMfaCompliant` to a request with `ValidateMfa` (Microsoft Learn, "Mandating multifactor
    /// authentication for your partner tenant", section "Header validation").
    async fn check_mfa(&self) -> Step {
        let validate = [(VALIDATE_MFA, HeaderValue::from_static("true"))];
        let mut refused = None;
        let outcome = match self.ask_with("/v1/customers?size=1", &validate, self.deadline()).await {
            Ok(answer) => match answer.mfa_compliant {
                Some(true) => Outcome::Works("the user who consented has signed in with it".to_owned()),
                Some(false) => {
                    refused = Some(Credential::RefreshToken);
                    Outcome::Fails(MFA_ADVICE.to_owned())
                }
                None => Outcome::Skipped("Partner Center does not say".to_owned()),
            },
            Err(error) => {
                refused = refused_credential(&error);
                Outcome::Fails(error.to_string())
            }
        };
        Step { refused, ..Step::new(Check::MultiFactor, outcome) }
    }

    async fn check_addresses(&self, sample: &[&AzureCustomerId]) -> [Step; 3] {
        let mut billing = Ok(0);
        let mut organization = Ok(0);
        let (mut usable, mut hidden) = (0, Vec::new());
        for id in sample {
            let deadline = self.deadline();
            count(&mut billing, self.billing_profile(id, deadline).await);
            count(&mut organization, self.organization(id, deadline).await);
            match self.address(id, deadline).await {
                Ok(TenantAddress::Known(_)) => usable += 1,
                Ok(TenantAddress::Hidden(why)) => hidden.push(Error::Refused(why)),
                Ok(_) => {}
                Err(error) => hidden.push(error),
            }
        }
        let of = sample.len();
        // Either source will do, and some customers may hide; only to see nobody's address is a failure.
        let source = |what, seen: Result<usize, Outcome>| match seen {
            Ok(seen) => Step::new(what, Outcome::Works(format!("seen of {seen} of {of} customers")))
                .having_seen(seen, Some(of)),
            Err(outcome) => Step::new(what, outcome),
        };
        let addresses = match hidden.pop() {
            Some(why) if hidden.len() + 1 == of => Err(why),
            Some(_) => Ok(format!(
                "{usable} of {of} customers have one that can be used; {} hide it",
                hidden.len() + 1
            )),
            None => Ok(format!("{usable} of {of} customers have one that can be used")),
        };
        [
            source(Check::BillingProfiles, billing),
            source(Check::Organizations, organization),
            step(Check::SeeAddresses, addresses).having_seen(usable, Some(of)),
        ]
    }
}

fn count<T>(seen: &mut Result<usize, Outcome>, got: Result<Got<T>, Error>) {
    match (got, &mut *seen) {
        (Ok(Got::Found(_)), Ok(count)) => *count += 1,
        (Ok(Got::Hidden(why) | Got::Forbidden(why)), _) => *seen = Err(Outcome::Lacks(why)),
        (Err(error), _) => *seen = Err(failed(&error, Outcome::Lacks)),
        _ => {}
    }
}

fn listed(page: &Page) -> String {
    let more = if page.next.is_some() { ", and there are more" } else { "" };
    let skipped = match page.skipped.first() {
        Some(first) => format!("; {} cannot be read: {first}", page.skipped.len()),
        None => String::new(),
    };
    format!("{} customers on the first page{more}{skipped}", page.tenants.len())
}

fn step(what: Check, outcome: Result<String, Error>) -> Step {
    Step::new(what, outcome.map_or_else(|error| failed(&error, Outcome::Fails), Outcome::Works))
}
