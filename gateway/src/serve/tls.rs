//! TLS, where no proxy does it: one certificate per listener, read again on SIGHUP.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config::serve::TlsSection;
use crate::failure::Failure;

/// A certificate with its key, and what speaks TLS with them.
pub(crate) struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    /// New connections take the present one; those under way keep theirs.
    present: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads certificate and key; paths start at `folder`.
    ///
    /// # Errors
    /// Files that cannot be read, or do not belong together.
    pub(super) fn load(folder: &Path, section: &TlsSection) -> Result<Tls, Failure> {
        let certificate = folder.join(&section.certificate);
        let key = folder.join(&section.key);
        let present = RwLock::new(read(&certificate, &key)?);
        Ok(Tls {
            certificate,
            key,
            present,
        })
    }

    /// Reads both again.
    ///
    /// # Errors
    /// As [`Tls::load`]; then the former stay.
    pub(super) fn reload(&self) -> Result<(), Failure> {
        let read = read(&self.certificate, &self.key)?;
        *self.present.write() = read;
        Ok(())
    }

    /// What speaks TLS with the present certificate.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.present.read()))
    }
}

fn read(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, Failure> {
    let refuse = |path: &Path, error: &dyn std::fmt::Display| {
        Failure::Input(format!("`{}`: {error}", path.display()))
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| refuse(certificate, &error))?;
    if chain.is_empty() {
        return Err(refuse(certificate, &"there is no certificate in it"));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| refuse(key, &error))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| refuse(certificate, &error))?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| refuse(certificate, &error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
