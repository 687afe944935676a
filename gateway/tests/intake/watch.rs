//! Documents on disk: read again when they change, kept when they are refused.

use std::fs;
use std::os::unix::fs::symlink;

use crate::gateway::{Deployment, Gateway, policy};

async fn has_policies(gateway: &Gateway, count: usize) -> bool {
    let (ready, condition) = gateway.part("documents", "contoso").await;
    ready && condition.contains(&format!("with {count} policies"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_file_is_read_and_a_refused_one_leaves_the_old_snapshot() {
    for section in ["", "[watch]\nmode = \"poll\"\ninterval = \"1s\""] {
        let deployment = Deployment::with(section);
        let gateway = deployment.start();
        assert!(has_policies(&gateway, 1).await);
        // As careful writers do it.
        deployment.write("second", &policy("second!", "enabled"));
        fs::rename(
            deployment.path("second"),
            deployment.path("documents/second.json"),
        )
        .unwrap();
        gateway
            .eventually("the new policy is in force", || has_policies(&gateway, 2))
            .await;
        deployment.write("documents/second.json", &policy("second!", "perhaps"));
        gateway
            .eventually("the change is refused", || async {
                let (ready, condition) = gateway.part("documents", "contoso").await;
                !ready && condition.contains("stays in force")
            })
            .await;
        // File, path and reason are in the log.
        gateway.eventually_logged(&["documents/second.json"]).await;
        let refused = ["highwater_document_reloads_total", "folder", "refused"];
        assert!(gateway.metric(&refused).await >= 1.0);
        fs::remove_file(deployment.path("documents/second.json")).unwrap();
        gateway
            .eventually("the file is gone", || has_policies(&gateway, 1))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_swapped_like_kubernetes_does_it_is_read() {
    let deployment = Deployment::bare(&format!(
        "{}\n[[tenant]]\nid = \"contoso\"\ndocuments = [\"mounted\"]\n",
        Deployment::listeners()
    ));
    for (version, names) in [("..1", &["a"][..]), ("..2", &["a", "bb"])] {
        let folder = deployment.path("mounted").join(version);
        fs::create_dir_all(&folder).unwrap();
        let policies: Vec<String> = names.iter().map(|name| policy(name, "enabled")).collect();
        fs::write(folder.join("all.json"), format!("[{}]", policies.join(","))).unwrap();
    }
    let mounted = deployment.path("mounted");
    symlink("..1", mounted.join("..data")).unwrap();
    symlink("..data/all.json", mounted.join("all.json")).unwrap();
    let gateway = deployment.start();
    assert!(has_policies(&gateway, 1).await);
    symlink("..2", mounted.join("..data_tmp")).unwrap();
    fs::rename(mounted.join("..data_tmp"), mounted.join("..data")).unwrap();
    gateway
        .eventually("the other version is in force", || {
            has_policies(&gateway, 2)
        })
        .await;
}
