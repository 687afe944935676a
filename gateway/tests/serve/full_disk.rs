//! A disk that is full: orders are in force and said not to be durable, decisions go on, and the
//! gateway heals by itself.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::{Client, StatusCode};
use serde_json::json;

use crate::gateway::{Gateway, until};
use crate::issuer::Issuer;

/// A small file system; a failed assertion must not leave it behind.
struct Disk(PathBuf);

impl Disk {
    /// `None`, after a notice, where nobody may mount one.
    fn mount(point: &Path) -> Option<Disk> {
        std::fs::create_dir_all(point).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=8M", "tmpfs"])
            .arg(point)
            .status()
            .is_ok_and(|status| status.success());
        if mounted {
            return Some(Disk(point.to_owned()));
        }
        assert!(
            std::env::var_os("CI").is_none(),
            "no mounts: a full disk cannot be tested"
        );
        println!("not tested: a full disk needs root to mount one");
        None
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

async fn revoke(gateway: &Gateway, user: &str) -> StatusCode {
    let order = json!({"tenant": "contoso", "subject": {"user": user}, "effect": "block",
                       "reason": "x".repeat(4096)});
    Client::new()
        .post(gateway.url("admin", "/admin/revoke"))
        .bearer_auth("an admin token for tests")
        .json(&order)
        .send()
        .await
        .unwrap()
        .status()
}

async fn decide(gateway: &Gateway, issuer: &Issuer, user: &str) -> StatusCode {
    let token = issuer.token(json!({"oid": user, "jti": format!("token-{user}")}));
    Client::new()
        .get(gateway.url("decisions", "/decide"))
        .bearer_auth(token)
        .header("x-forwarded-for", "203.0.113.7")
        .send()
        .await
        .unwrap()
        .status()
}

#[tokio::test]
async fn a_full_disk_stops_no_decision_and_no_order_is_said_to_be_durable() {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let Some(disk) = Disk::mount(&place.path().join("disk")) else {
        return;
    };
    let issuer = Issuer::new();
    let gateway = issuer.gateway_with(
        &format!(
            "[store]\npath = \"{}\"\n\
             [[serve.listener]]\nkind = \"decisions\"\naddress = \"127.0.0.1:0\"\nfail = \"closed\"\n\
             [[serve.listener]]\nkind = \"admin\"\naddress = \"127.0.0.1:0\"\ntoken_file = \"token\"\n",
            disk.0.join("ledger").display()
        ),
        &[("token", "an admin token for tests")],
    );
    assert_eq!(revoke(&gateway, "first").await, StatusCode::OK);
    let fill = disk.0.join("fill");
    let mut file = File::create(&fill).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    drop(file);
    let mut refused = 0;
    while revoke(&gateway, &format!("user-{refused}")).await == StatusCode::OK {
        refused += 1;
    }
    // In force on this node although it is not durable, and nobody else is touched.
    let user = format!("user-{refused}");
    assert_eq!(
        decide(&gateway, &issuer, &user).await,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(decide(&gateway, &issuer, "ada").await, StatusCode::OK);
    let ready = async || {
        let url = gateway.url("decisions", "/readyz");
        reqwest::get(url).await.unwrap().status()
    };
    assert_eq!(ready().await, StatusCode::SERVICE_UNAVAILABLE);

    std::fs::remove_file(&fill).unwrap();
    until(async || revoke(&gateway, "last").await == StatusCode::OK).await;
    assert_eq!(ready().await, StatusCode::OK);
    drop(gateway);
    drop(disk);
}
