//! What the server in front of the pages knows of a request.

/// A request as the listener sees it. The binary puts one into each request's extensions.
#[derive(Clone, Debug)]
pub struct Visit {
    /// The address of the client; empty if unknown.
    pub address: String,
    /// The request's id, as in the log.
    pub request_id: String,
    /// The origin that the browser reaches this server under, such as `https://tenantry.example.com`; empty if unknown.
    pub origin: String,
}

impl Visit {
    /// The host that the browser reaches this server under, without a port; empty if unknown.
    pub(crate) fn host(&self) -> &str {
        host_of(self.origin.split_once("://").map_or("", |(_, host)| host))
    }

    /// Takes the visit as one to this host, under the scheme that it has.
    pub(crate) fn set_host(&mut self, host: &str) {
        if let Some((scheme, _)) = self.origin.split_once("://") {
            self.origin = format!("{scheme}://{host}");
        }
    }

    /// Whether the browser's connection is encrypted.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.origin.starts_with("https://")
    }

    /// Whether a session may be opened: over HTTPS, or on the user's own machine.
    pub(crate) fn may_sign_in(&self) -> bool {
        self.is_encrypted() || self.is_loopback()
    }

    fn is_loopback(&self) -> bool {
        let Some(host) = self.origin.strip_prefix("http://") else { return false };
        let name = match host.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        };
        name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

/// A host without its port.
pub(crate) fn host_of(host: &str) -> &str {
    if host.starts_with('[') {
        return host.split_inclusive(']').next().unwrap_or_default();
    }
    host.split(':').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_need_https_except_on_the_users_own_machine() {
        for (origin, expected) in [
            ("https://tenantry.example.com", true),
            ("http://tenantry.example.com", false),
            ("http://localhost", true),
            ("http://localhost:8080", true),
            ("http://127.0.0.1:8080", true),
            ("http://127.1.2.3", true),
            ("http://[::1]:8080", true),
            ("http://[2001:db8::1]:8080", false),
            ("http://10.0.0.1:8080", false),
            ("http://localhost.example.com", false),
            ("http://127.0.0.1.example.com", false),
            ("", false),
        ] {
            let visit =
                Visit { address: String::new(), request_id: String::new(), origin: origin.to_owned() };
            assert_eq!(visit.may_sign_in(), expected, "{origin}");
        }
    }
}
