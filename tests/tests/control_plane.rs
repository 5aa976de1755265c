//! Claims about the control plane that other tests rely on.

use std::{collections::BTreeMap, net::Ipv4Addr, process::ExitCode};

use k8s_openapi::{
    api::core::v1::{ConfigMap, Endpoints, Namespace, Secret, ServiceAccount},
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use kube::{
    Api, Client, Resource as _,
    api::{DeleteParams, ListParams, ObjectMeta, PostParams},
};
use sealed_secrets_tests::{
    TestResult, assets, claim,
    context::{Context, new_namespace},
    control_plane::ControlPlane,
    eventually::{DEADLINE, eventually},
    install::{self, Identity},
    netns,
    process::Program,
    runner,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

fn main() -> ExitCode {
    runner::run([
        claim!(
            server_calls_itself_by_the_version_of_its_program,
            ControlPlane
        ),
        claim!(token_without_roles_is_denied, ControlPlane),
        claim!(role_allows_exactly_what_it_names, ControlPlane),
        claim!(process_in_a_pod_is_its_service_account, ControlPlane),
        claim!(
            service_proxy_reaches_the_process_a_service_is_routed_to,
            ControlPlane
        ),
        claim!(custom_resource_is_served_once_applied, ControlPlane),
        claim!(dependent_is_deleted_after_its_owner, GarbageCollection),
        claim!(control_planes_at_once_do_not_collide, ControlPlane),
        claim!(audit_log_tells_who_did_what, ControlPlane),
        claim!(objects_outlive_an_outage_of_the_api_server, ControlPlane),
    ])
}

async fn server_calls_itself_by_the_version_of_its_program(context: Context) -> TestResult {
    let control_plane = context.shared_control_plane().await?;
    let version = control_plane.client().apiserver_version().await?;
    let assets = context.assets()?;
    if assets.pinned {
        assert_eq!(version.git_version, assets::KUBERNETES_VERSION);
        assert_eq!(
            (version.major.as_str(), version.minor.as_str()),
            ("1", "36")
        );
    }
    let program = Program::new(&assets.kube_apiserver)
        .arg("--version")
        .output()
        .await?;
    assert_eq!(
        program.trim(),
        format!("Kubernetes {}", version.git_version)
    );
    Ok(())
}

async fn token_without_roles_is_denied(context: Context) -> TestResult {
    let control_plane = context.shared_control_plane().await?;
    let identity = new_account(&control_plane, "nobody").await?;

    let secrets = Api::<Secret>::namespaced(identity.client().await?, "default");
    let error = secrets
        .list(&ListParams::default())
        .await
        .expect_err("a nobody can list secrets");

    let kube::Error::Api(status) = error else {
        return Err(error.into());
    };
    assert_eq!(status.code, 403, "{status:?}");
    assert!(
        status.message.contains(":nobody\" cannot list resource"),
        "{}",
        status.message
    );
    Ok(())
}

async fn role_allows_exactly_what_it_names(context: Context) -> TestResult {
    let control_plane = context.shared_control_plane().await?;
    let identity = new_account(&control_plane, "reader").await?;
    let client = identity.client().await?;
    let namespace = client.default_namespace().to_owned();
    let role = format!(
        r#"
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{ name: reader, namespace: {namespace} }}
rules:
- {{ apiGroups: [""], resources: [secrets], verbs: [list] }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{ name: reader, namespace: {namespace} }}
roleRef: {{ apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader }}
subjects:
- {{ kind: ServiceAccount, name: reader, namespace: {namespace} }}
"#
    );
    install::apply_text(&control_plane, &role).await?;

    let own = Api::<Secret>::namespaced(client.clone(), &namespace);
    // The server learns of new roles by watching them.
    eventually(
        "permission to list",
        DEADLINE,
        async || Ok(Some(own.list(&ListParams::default()).await?)),
        async || "denied".to_owned(),
    )
    .await?;
    let unnamed_verb = own.get_opt("any").await;
    let other_namespace = Api::<Secret>::namespaced(client, "default")
        .list(&ListParams::default())
        .await;
    assert!(is_forbidden(&unnamed_verb), "{unnamed_verb:?}");
    assert!(is_forbidden(&other_namespace), "{other_namespace:?}");
    Ok(())
}

async fn process_in_a_pod_is_its_service_account(context: Context) -> TestResult {
    let control_plane = context.shared_control_plane().await?;
    let identity = new_account(&control_plane, "in-a-pod").await?;
    let client = identity.client().await?;
    let namespace = client.default_namespace();

    let whoami = control_plane
        .kubectl_without_config()
        .args(["auth", "whoami", "-o", "name"]);
    let whoami = whoami.arg("-o=jsonpath={.status.userInfo.username}");
    let user = identity.in_pod(whoami).output().await?;
    assert_eq!(user, format!("system:serviceaccount:{namespace}:in-a-pod"));

    let mounted = Identity::mount_point().join("namespace");
    let mounted = identity
        .in_pod(Program::new("cat").arg(mounted))
        .output()
        .await?;
    assert_eq!(mounted, namespace);
    Ok(())
}

async fn service_proxy_reaches_the_process_a_service_is_routed_to(context: Context) -> TestResult {
    let control_plane = context.shared_control_plane().await?;
    let client = control_plane.client();
    let namespace = new_namespace(&client).await?;
    let (first, second) = (netns::claim_address()?, netns::claim_address()?);
    let _servers = [serve(first, "first").await?, serve(second, "second").await?];

    for (address, answer) in [(first, "first"), (second, "second")] {
        install::route(&control_plane, &namespace, "greeter", address).await?;
        eventually(
            "an answer through the service proxy",
            DEADLINE,
            async || {
                let path = format!(
                    "/api/v1/namespaces/{namespace}/services/http:greeter:http/proxy/v1/hello"
                );
                let request = http::Request::get(path).body(Vec::new())?;
                let text = client.request_text(request).await?;
                // An address the server hasn't forgotten yet still answers after a move.
                Ok((text == format!("{answer} got GET /v1/hello")).then_some(()))
            },
            async || {
                let endpoints = Api::<Endpoints>::namespaced(client.clone(), &namespace);
                format!("{:?}", endpoints.get("greeter").await)
            },
        )
        .await?;
    }
    Ok(())
}

async fn custom_resource_is_served_once_applied(context: Context) -> TestResult {
    let control_plane = context.control_plane().await?;
    let definition = r"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: greetings.tests.invalid }
spec:
  group: tests.invalid
  scope: Namespaced
  names: { plural: greetings, singular: greeting, kind: Greeting }
  versions:
  - name: v1
    served: true
    storage: true
    schema: { openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true } }
";
    install::apply_text(&control_plane, definition).await?;
    let object = "apiVersion: tests.invalid/v1\nkind: Greeting\n\
                  metadata: { name: hello, namespace: default }\nspec: { text: hi }\n";
    let manifest = context.folder().join("greeting.yaml");
    std::fs::write(&manifest, object)?;
    install::apply(&control_plane, &manifest).await?;

    let kubectl = control_plane.kubectl().args(["get", "greeting", "hello"]);
    assert_eq!(
        kubectl.arg("-o=jsonpath={.spec.text}").output().await?,
        "hi"
    );
    Ok(())
}

async fn dependent_is_deleted_after_its_owner(context: Context) -> TestResult {
    let control_plane = context.shared_control_plane().await?;
    let client = control_plane.client();
    let namespace = new_namespace(&client).await?;
    let maps = Api::<ConfigMap>::namespaced(client, &namespace);
    let owner = maps
        .create(&PostParams::default(), &config_map("owner", None))
        .await?;
    let reference = owner
        .controller_owner_ref(&())
        .ok_or("the owner has no identity")?;
    maps.create(
        &PostParams::default(),
        &config_map("dependent", Some(reference)),
    )
    .await?;
    maps.create(&PostParams::default(), &config_map("stranger", None))
        .await?;

    maps.delete("owner", &DeleteParams::default()).await?;

    eventually(
        "deletion of the dependent",
        DEADLINE,
        async || Ok(maps.get_opt("dependent").await?.is_none().then_some(())),
        async || format!("{:?}", maps.get_metadata_opt("dependent").await),
    )
    .await?;
    assert!(
        maps.get_opt("stranger").await?.is_some(),
        "an object without owner was deleted"
    );
    Ok(())
}

async fn control_planes_at_once_do_not_collide(context: Context) -> TestResult {
    let (first, second) = tokio::try_join!(context.control_plane(), context.control_plane())?;
    assert_ne!(first.address(), second.address());

    let in_first = new_namespace(&first.client()).await?;
    let second_has = Api::<Namespace>::all(second.client())
        .get_opt(&in_first)
        .await?;
    assert!(
        second_has.is_none(),
        "both control planes have namespace {in_first}"
    );

    drop(first);
    second.client().apiserver_version().await?;
    Ok(())
}

async fn audit_log_tells_who_did_what(context: Context) -> TestResult {
    let control_plane = context.control_plane().await?;
    let identity = new_account(&control_plane, "watched").await?;
    let maps = Api::<ConfigMap>::namespaced(identity.client().await?, "default");
    let denied = maps.get_opt("some-map").await;
    assert!(is_forbidden(&denied), "{denied:?}");

    let event = eventually(
        "the event of the denied request",
        DEADLINE,
        async || {
            let events = control_plane.audit_events()?;
            Ok(events
                .into_iter()
                .find(|event| event["objectRef"]["name"] == "some-map"))
        },
        async || {
            format!(
                "{:?}",
                control_plane.audit_events().map(|events| events.len())
            )
        },
    )
    .await?;
    let user = event["user"]["username"].as_str().unwrap_or_default();
    assert!(user.ends_with(":watched"), "{event}");
    assert_eq!(
        (&event["verb"], &event["responseStatus"]["code"]),
        (&"get".into(), &403.into())
    );
    Ok(())
}

async fn objects_outlive_an_outage_of_the_api_server(context: Context) -> TestResult {
    let mut control_plane = context.control_plane().await?;
    let maps = Api::<ConfigMap>::namespaced(control_plane.client(), "default");
    maps.create(&PostParams::default(), &config_map("kept", None))
        .await?;

    control_plane.kill_api_server().await?;
    assert!(maps.get("kept").await.is_err(), "a killed server answers");

    control_plane.start_api_server().await?;
    maps.get("kept").await?;
    Ok(())
}

/// A service account in a new namespace, known by its own client as the default one.
async fn new_account(
    control_plane: &ControlPlane,
    name: &str,
) -> Result<Identity, sealed_secrets_tests::TestError> {
    let client: Client = control_plane.client();
    let namespace = new_namespace(&client).await?;
    let mut account = ServiceAccount::default();
    account.metadata.name = Some(name.to_owned());
    Api::namespaced(client, &namespace)
        .create(&PostParams::default(), &account)
        .await?;
    Ok(Identity::of(control_plane, &namespace, name).await?)
}

fn config_map(name: &str, owner: Option<OwnerReference>) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            owner_references: owner.map(|reference| vec![reference]),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([("key".to_owned(), "value".to_owned())])),
        ..ConfigMap::default()
    }
}

fn is_forbidden<T>(answer: &Result<T, kube::Error>) -> bool {
    matches!(answer, Err(kube::Error::Api(status)) if status.code == 403)
}

/// An HTTP server on port 8080 that answers with its name and the request line. It ends with the
/// returned guard.
async fn serve(address: Ipv4Addr, name: &'static str) -> std::io::Result<tokio::task::JoinSet<()>> {
    let listener = TcpListener::bind((address, 8080)).await?;
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                if connection.read_buf(&mut request).await.unwrap_or(0) == 0 {
                    break;
                }
            }
            let text = String::from_utf8_lossy(&request);
            let line = text
                .lines()
                .next()
                .unwrap_or_default()
                .trim_end_matches(" HTTP/1.1");
            let body = format!("{name} got {line}");
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            // A client that has gone away sees its own failure.
            let _ = connection.write_all((head + &body).as_bytes()).await;
        }
    });
    Ok(tasks)
}
