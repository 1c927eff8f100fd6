//! How mirrors are reached: over HTTPS, by the proxy and with the certificates that this machine
//! has for it.

use std::env;
use std::io;
use std::time::Duration;

use anyhow::{Error, Result, anyhow, ensure};
use rustls_native_certs::CertificateResult;
use ureq::http::{Response, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Body, ProxyProtocol};

use super::proxy::NamedProxy;
use crate::util::text;

/// The variables of the environment that name certificates to trust instead of the system's.
const CERTIFICATES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

const MAX_REDIRECTS: u32 = 5;
/// The longest URL that a message shows, in characters.
const SHOWN_URL: usize = 200;

/// How mirrors are reached.
pub(super) struct Connection {
    proxy: Option<NamedProxy>,
    trusted: RootCerts,
    /// Where [`trusted`](Self::trusted) are from, for messages.
    trusted_from: String,
}

impl Connection {
    /// What the environment asks for.
    ///
    /// # Errors
    ///
    /// If a variable names a proxy that is not understood, or certificates that cannot be read.
    pub(super) fn from_env() -> Result<Self> {
        let set = |variable: &&str| env::var_os(variable).is_some();
        let variables: Vec<&str> = CERTIFICATES.into_iter().filter(set).collect();
        let found = rustls_native_certs::load_native_certs();
        let (trusted, trusted_from) = trusted(&variables, &found)?;
        Ok(Self {
            proxy: NamedProxy::from_env()?,
            trusted,
            trusted_from,
        })
    }

    /// Asks for `url`, or for a part of it, the value of a `Range` header. Each phase of each
    /// redirect takes `allowed` at most.
    ///
    /// # Errors
    ///
    /// If there is no answer, or it lies where HTTPS is not spoken. Plain HTTP is taken from
    /// 127.0.0.1 alone, where tests have their mirrors.
    pub(super) fn get(
        &self,
        url: &str,
        range: Option<&str>,
        allowed: Duration,
    ) -> Result<Response<Body>> {
        let tls = TlsConfig::builder().root_certs(self.trusted.clone());
        let agent = ureq::Agent::config_builder()
            .https_only(!is_loopback(url))
            .http_status_as_error(false)
            .max_redirects(MAX_REDIRECTS)
            .accept_encoding("identity")
            .proxy(self.proxy.as_ref().map(|named| named.proxy.clone()))
            .tls_config(tls.build())
            .timeout_resolve(Some(allowed))
            .timeout_connect(Some(allowed))
            .timeout_recv_response(Some(allowed))
            .timeout_per_read(Some(allowed))
            .build()
            .new_agent();
        let request = range.iter().fold(agent.get(url), |request, range| {
            request.header("Range", *range)
        });
        request.call().map_err(|error| match error {
            ureq::Error::Io(error) => anyhow!(error),
            ureq::Error::RequireHttpsOnly(url) => {
                anyhow!("{} is not HTTPS", text::one_line(&url, SHOWN_URL))
            }
            // The status comes twice: `407/407`.
            ureq::Error::ConnectProxyFailed(reason) => {
                anyhow!("{}", reason.split('/').next().unwrap_or(&reason).to_owned())
            }
            other => anyhow!(other),
        })
    }

    /// The proxy by which at least one of `urls` is reached.
    pub(super) fn proxy_to<'a>(
        &self,
        urls: impl IntoIterator<Item = &'a str>,
    ) -> Option<&NamedProxy> {
        let proxy = self.proxy.as_ref()?;
        let by_proxy = |url: &str| url.parse().is_ok_and(|url| !proxy.proxy.is_no_proxy(&url));
        urls.into_iter().any(by_proxy).then_some(proxy)
    }

    /// What to do about `errors` of [`get`](Self::get) that came by `proxy`, if by any.
    pub(super) fn advice<'a>(
        &self,
        errors: impl IntoIterator<Item = &'a Error>,
        proxy: Option<&NamedProxy>,
    ) -> String {
        let tls: Vec<&rustls::Error> = errors.into_iter().filter_map(tls_error).collect();
        let refused =
            |error: &&rustls::Error| matches!(error, rustls::Error::InvalidCertificate(_));
        if tls.iter().any(refused) {
            return format!(
                "trusted are the certificates of {}: where a proxy inspects TLS, name the file of \
                 its CA's certificate in SSL_CERT_FILE, else check this machine's clock and network",
                self.trusted_from
            );
        }
        match proxy {
            None => "check the network".to_owned(),
            Some(named) if !tls.is_empty() && named.proxy.protocol() == ProxyProtocol::Https => {
                format!(
                    "write http:// in {} if that proxy does not speak TLS itself",
                    named.variable
                )
            }
            Some(named) => format!(
                "check that proxy, and the name and password in {} if it wants some",
                named.variable
            ),
        }
    }
}

/// Whether `url` is one of this machine's own, which no one else can read or change.
fn is_loopback(url: &str) -> bool {
    url.parse::<Uri>()
        .is_ok_and(|url| url.scheme_str() == Some("http") && url.host() == Some("127.0.0.1"))
}

/// The TLS error behind an error, if there is one.
fn tls_error(error: &Error) -> Option<&rustls::Error> {
    let error = error.downcast_ref::<io::Error>()?;
    error.get_ref()?.downcast_ref()
}

/// Whose certificates are trusted, and what those are called: the ones that `variables` of the
/// environment name, else the system's, else, where it has none, Mozilla's, which are built in.
///
/// `found` is what the variables name, or the system has.
fn trusted(variables: &[&str], found: &CertificateResult) -> Result<(RootCerts, String)> {
    if variables.is_empty() {
        return Ok(match found.certs.is_empty() {
            true => (
                RootCerts::WebPki,
                "Mozilla, built in, for this system has none".to_owned(),
            ),
            false => (RootCerts::PlatformVerifier, "this system".to_owned()),
        });
    }
    let variables = variables.join(" and ");
    let reason = found.errors.first().map(ToString::to_string);
    ensure!(
        !found.certs.is_empty(),
        "no certificate of {variables} could be read — {} — name certificates in PEM form there, \
         or unset {variables}",
        reason.as_deref().unwrap_or("there is none in that place")
    );
    let certificates = found.certs.iter();
    let certificates = certificates.map(|der| Certificate::from_der(der).to_owned());
    Ok((certificates.into(), variables))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_certificates_serve_where_the_system_has_none() {
        let mut found = CertificateResult::default();
        let none = trusted(&[], &found).unwrap();
        assert!(matches!(none.0, RootCerts::WebPki));
        let error = trusted(&["SSL_CERT_DIR"], &found).unwrap_err().to_string();
        assert!(error.starts_with("no certificate of SSL_CERT_DIR could be read"));
        found.certs.push(vec![0].into());
        let system = trusted(&[], &found).unwrap();
        assert!(matches!(system.0, RootCerts::PlatformVerifier));
        let named = trusted(&["SSL_CERT_FILE"], &found).unwrap();
        assert!(matches!(named.0, RootCerts::Specific(_)));
    }

    #[test]
    fn only_this_machine_may_be_asked_without_tls() {
        assert!(is_loopback("http://127.0.0.1:8080/mirror/"));
        for url in [
            "https://127.0.0.1:8080/",
            "http://127.0.0.1@example.com/",
            "http://127.0.0.1.example.com/",
            "http://example.com/",
            "",
        ] {
            assert!(!is_loopback(url), "{url}");
        }
    }
}
