//! Whom TLS trusts.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

/// Whom TLS trusts.
#[derive(Debug, Clone, Default, Args)]
pub struct TlsOptions {
    /// Trust the servers that these certificates (PEM) vouch for, and no others [default: those the
    /// system trusts]
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    pub ca: Option<PathBuf>,
    /// Take any certificate
    #[arg(long)]
    pub insecure: bool,
}

/// How to begin TLS with one server.
#[derive(Clone)]
pub struct Tls {
    /// Shared by all connections.
    pub config: Arc<ClientConfig>,
    /// Whom the certificate must be for.
    pub name: ServerName<'static>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TLS with {:?}", self.name)
    }
}

impl TlsOptions {
    /// TLS with `host`.
    ///
    /// # Errors
    /// A sentence: the file cannot be used, or the host can have no certificate.
    pub fn with(&self, host: &str) -> Result<Tls, String> {
        let name = ServerName::try_from(host.to_owned());
        Ok(Tls {
            config: Arc::new(self.config()?),
            name: name.map_err(|e| format!("{host}: {e}"))?,
        })
    }

    fn config(&self) -> Result<ClientConfig, String> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone());
        let builder = builder
            .with_safe_default_protocol_versions()
            .map_err(|e| format!("cannot set up TLS: {e}"))?;
        let builder = match self.insecure {
            true => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Anyone(provider))),
            false => builder.with_root_certificates(self.roots()?),
        };
        Ok(builder.with_no_client_auth())
    }

    fn roots(&self) -> Result<RootCertStore, String> {
        let found = match &self.ca {
            Some(path) => read(path)?,
            None => rustls_native_certs::load_native_certs().certs,
        };
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(found);
        match (added, &self.ca) {
            (0, Some(path)) => Err(format!("--ca {}: no certificate in it", path.display())),
            (0, None) => Err("the system trusts nobody: give --ca FILE or --insecure".to_owned()),
            _ => Ok(roots),
        }
    }
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let say = |e: rustls::pki_types::pem::Error| format!("--ca {}: {e}", path.display());
    let all = CertificateDer::pem_file_iter(path).map_err(say)?;
    all.collect::<Result<_, _>>().map_err(say)
}

/// Takes any certificate; signatures must still be right.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
