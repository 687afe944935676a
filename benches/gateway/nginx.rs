//! nginx before a static file: alone, asking itself, asking the gateway.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use crate::Outcome;
use crate::gateway::pinned;

pub(crate) struct Nginx {
    child: Child,
    pub(crate) url: String,
}

impl Nginx {
    pub(crate) fn start(folder: &Path, gateway: &str) -> Outcome<Nginx> {
        let folder = folder.join("nginx");
        for place in ["plain", "static", "gateway"] {
            std::fs::create_dir_all(folder.join("files").join(place))?;
            std::fs::write(folder.join("files").join(place).join("index.html"), "ok\n")?;
        }
        let (own, constant) = (free()?, free()?);
        let configuration = format!(
            r#"
daemon off;
worker_processes 1;
pid nginx.pid;
error_log error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    upstream constant {{ server {constant}; keepalive 64; keepalive_requests 100000000; }}
    upstream gateway {{ server {gateway}; keepalive 64; keepalive_requests 100000000; }}
    server {{ listen {constant}; location / {{ return 204; }} }}
    server {{
        listen {own};
        root files;
        location /plain/ {{ }}
        location /static/ {{ auth_request /ask-constant; }}
        location /gateway/ {{ auth_request /ask-gateway; }}
        location = /ask-constant {{
            internal; proxy_pass http://constant/; proxy_http_version 1.1;
            proxy_set_header Connection ""; proxy_pass_request_body off;
            proxy_set_header Content-Length "";
        }}
        location = /ask-gateway {{
            internal; proxy_pass http://gateway/decide; proxy_http_version 1.1;
            proxy_set_header Connection ""; proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_set_header X-Original-URI $request_uri;
        }}
    }}
}}
"#,
            gateway = gateway.trim_start_matches("http://"),
        );
        std::fs::write(folder.join("nginx.conf"), configuration)?;
        let mut child = pinned("0", Path::new("nginx"))
            .arg("-p")
            .arg(&folder)
            .args(["-c", "nginx.conf", "-e", "error.log"])
            .spawn()?;
        while TcpStream::connect(own).is_err() {
            if child.try_wait()?.is_some() {
                return Err("nginx did not start".into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Nginx {
            child,
            url: format!("http://{own}"),
        })
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Told to stop, not killed, so that its worker goes with it.
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args(["-s", "TERM", &pid]).status();
        let _ = self.child.wait();
    }
}

fn free() -> Outcome<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
