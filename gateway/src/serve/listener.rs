//! Sockets, opened before anything else: a port that is taken ends the program at once.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::config::Configuration;
use crate::config::serve::{ListenerKind, ListenerSection};
use crate::failure::Failure;

/// A listener that is bound.
pub(crate) struct Bound {
    pub(crate) section: ListenerSection,
    pub(crate) socket: Socket,
}

/// What it listens on.
pub(crate) enum Socket {
    /// An address and port.
    Tcp(tokio::net::TcpListener),
    /// A path.
    #[cfg(unix)]
    Unix(tokio::net::UnixListener, PathBuf),
}

impl Bound {
    /// Binds every listener of a configuration. Inside of a runtime.
    ///
    /// # Errors
    /// The first that cannot be bound, with the reason.
    pub(crate) fn all(configuration: &Configuration) -> Result<Vec<Bound>, Failure> {
        let bind = |section: &ListenerSection| {
            let socket = match (&section.address, &section.socket) {
                (Some(address), _) => tcp(*address.get_ref()),
                (None, Some(path)) => unix(configuration.folder.join(path.get_ref())),
                // Loading has refused it.
                (None, None) => Err(Failure::Input("a listener without address".to_owned())),
            }?;
            Ok(Bound {
                section: section.clone(),
                socket,
            })
        };
        configuration.serve.listeners.iter().map(bind).collect()
    }

    /// What it answers.
    pub(crate) fn kind(&self) -> ListenerKind {
        self.section.kind
    }
}

/// Where clients reach it.
impl fmt::Display for Bound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.section.tls {
            Some(_) => "https",
            None => "http",
        };
        match &self.socket {
            Socket::Tcp(listener) => match listener.local_addr() {
                Ok(address) => write!(formatter, "{scheme}://{address}"),
                Err(error) => write!(formatter, "{scheme}://? ({error})"),
            },
            #[cfg(unix)]
            Socket::Unix(_, path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

fn tcp(address: SocketAddr) -> Result<Socket, Failure> {
    let failed =
        |error: std::io::Error| Failure::Broken(format!("cannot listen on `{address}`: {error}"));
    let listener = std::net::TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    tokio::net::TcpListener::from_std(listener)
        .map(Socket::Tcp)
        .map_err(failed)
}

#[cfg(unix)]
fn unix(path: PathBuf) -> Result<Socket, Failure> {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    use std::os::unix::net::UnixStream;

    let failed = |error: std::io::Error| {
        Failure::Broken(format!("cannot listen on `{}`: {error}", path.display()))
    };
    // What an earlier process left behind is in the way; what another process serves is not ours.
    if let Ok(metadata) = std::fs::symlink_metadata(&path)
        && metadata.file_type().is_socket()
        && UnixStream::connect(&path).is_err()
    {
        std::fs::remove_file(&path).map_err(failed)?;
    }
    let listener = tokio::net::UnixListener::bind(&path).map_err(failed)?;
    // The file's owner is who may ask; there is no other password.
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(Socket::Unix(listener, path))
}

#[cfg(not(unix))]
fn unix(path: PathBuf) -> Result<Socket, Failure> {
    Err(Failure::Input(format!(
        "`{}`: there are no Unix sockets on this system; use an `address` with a `token_file`",
        path.display()
    )))
}
