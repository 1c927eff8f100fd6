//! The proxy that this machine's environment names.

use std::env;
use std::fmt;

use anyhow::{Context, Result};
use ureq::{Proxy, ProxyProtocol};

/// The variables of the environment that may name a proxy, the first that does first: as with curl
/// those for HTTPS come before those for everything.
const PROXIES: [&str; 6] = [
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "HTTP_PROXY",
    "http_proxy",
];
/// Those that name the hosts that no proxy is used for.
const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// A proxy and the variable of the environment that names it.
pub(super) struct NamedProxy {
    /// The proxy.
    pub(super) proxy: Proxy,
    /// The variable.
    pub(super) variable: &'static str,
}

impl NamedProxy {
    /// The proxy that the environment names, if it does. An empty variable names none.
    ///
    /// # Errors
    ///
    /// If what a variable names is not understood.
    pub(super) fn from_env() -> Result<Option<Self>> {
        let value = |variable: &str| env::var_os(variable).filter(|value| !value.is_empty());
        let no_proxy = NO_PROXY.into_iter().find_map(value).unwrap_or_default();
        let named = |variable| Some((variable, value(variable)?));
        let Some((variable, url)) = PROXIES.into_iter().find_map(named) else {
            return Ok(None);
        };
        // The value may hold a password: it is not shown.
        let proxy = url
            .to_str()
            .and_then(|url| parse(url.trim(), &no_proxy.to_string_lossy()))
            .with_context(|| {
                format!(
                    "{variable} is not the URL of a proxy of a known kind — only \
                     [KIND://][NAME:PASSWORD@]HOST[:PORT] with a KIND of http, https, socks4, \
                     socks4a, socks5 or socks5h is understood — correct {variable}, or unset it"
                )
            })?;
        Ok(Some(Self { proxy, variable }))
    }
}

/// Without name and password.
impl fmt::Display for NamedProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.proxy.protocol().to_string().to_lowercase();
        let (host, port) = (self.proxy.host(), self.proxy.port());
        write!(f, "{kind}://{host}:{port} of {}", self.variable)
    }
}

/// The proxy at `url`, not used for the hosts in `no_proxy`; none if that is no proxy's URL.
fn parse(url: &str, no_proxy: &str) -> Option<Proxy> {
    let proxy = Proxy::new(url).ok()?;
    let authority = proxy.uri().authority()?;
    // What stands behind the host is a port, or part of a password with a `/` or `#` in it.
    let place = authority.as_str().rsplit('@').next()?;
    let complete = place == authority.host() || authority.port_u16().is_some();
    if !complete || proxy.uri().path().len() > 1 || proxy.uri().query().is_some() {
        return None;
    }
    let mut builder = Proxy::builder(proxy.protocol())
        .host(proxy.host())
        .port(proxy.port())
        // Where the proxy can it looks names up: behind one there may be no one else who does.
        .resolve_target(proxy.protocol() == ProxyProtocol::Socks4);
    if let Some(name) = proxy.username() {
        builder = builder.username(name);
    }
    if let Some(password) = proxy.password() {
        builder = builder.password(password);
    }
    let hosts = no_proxy.split([',', ' ']).filter(|host| !host.is_empty());
    for host in hosts.map(|host| host.trim_end_matches(":443")) {
        // A name stands for what is below it, too.
        builder = builder.no_proxy(host).no_proxy(&format!(".{host}"));
    }
    builder.build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_shown_without_their_passwords() {
        for (url, shown) in [
            ("proxy", "http://proxy:80"),
            ("proxy:3128", "http://proxy:3128"),
            ("http://me:p%40ss@proxy:3128/", "http://proxy:3128"),
            ("https://me:p@ss@proxy", "https://proxy:443"),
            ("socks4a://proxy", "socks4a://proxy:1080"),
            ("SOCKS5h://me@[::1]:9", "socks5h://[::1]:9"),
        ] {
            let named = NamedProxy {
                proxy: parse(url, "").expect(url),
                variable: "ALL_PROXY",
            };
            assert_eq!(named.to_string(), format!("{shown} of ALL_PROXY"));
        }
        let proxy = parse("http://me:p%40s%3As@proxy:3128", "x").unwrap();
        let (name, password) = (proxy.username(), proxy.password());
        assert_eq!((name, password), (Some("me"), Some("p@s:s")));
    }

    #[test]
    fn what_is_no_proxy_is_not_taken_for_one() {
        for url in [
            "ftp://proxy:21",
            "socks6://proxy",
            "http://",
            "://proxy",
            "/proxy",
            "proxy:99999",
            "proxy:port",
            "http://me:pass/word@proxy:3128",
            "http://me:pass#word@proxy:3128",
            "http://me:12/3@proxy:3128",
            "http://me:12?3@proxy:3128",
            "two words",
            "http://me:%ff@proxy",
        ] {
            assert!(parse(url, "").is_none(), "{url}");
        }
    }

    #[test]
    fn hosts_without_proxy() {
        let direct = |no_proxy: &str, host: &str| {
            let proxy = parse("socks5h://proxy", no_proxy).unwrap();
            proxy.is_no_proxy(&format!("https://{host}/").parse().unwrap())
        };
        for no_proxy in [
            "*",
            "github.com",
            ".github.com",
            "*.github.com",
            "localhost, GitHub.com:443",
            "localhost raw.github.com",
        ] {
            assert!(direct(no_proxy, "raw.github.com"), "{no_proxy}");
            assert_eq!(direct(no_proxy, "hub.com"), no_proxy == "*", "{no_proxy}");
        }
        assert!(direct("github.com", "github.com"));
        for no_proxy in ["", ",", "hub.com", "github.com.org", "localhost"] {
            assert!(!direct(no_proxy, "github.com"), "{no_proxy}");
        }
    }
}
