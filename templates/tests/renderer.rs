//! Several templates from one budget.

use sealed_secrets_templates::{Environment, ErrorKind, Renderer, Values};

#[test]
fn templates_together_are_bounded_and_small_ones_are_many() {
    let values = Values::from([("a".into(), b"1".to_vec())]);
    let mut environment = Environment::system();
    let mut renderer = Renderer::new(&values, &mut environment);
    let heavy = "{{range until 200000}}{{end}}";
    let rendered = (0..100)
        .take_while(|_| renderer.render("heavy", heavy).is_ok())
        .count();
    assert!((1..40).contains(&rendered), "{rendered}");
    let error = renderer.render("heavy", heavy).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);

    let mut renderer = Renderer::new(&values, &mut environment);
    for _ in 0..10_000 {
        assert_eq!(renderer.render("small", "x={{.a}}").unwrap(), b"x=1");
        assert_eq!(renderer.render("text", "x = } y").unwrap(), b"x = } y");
    }
}

#[test]
fn output_of_all_templates_is_bounded() {
    let values = Values::new();
    let mut environment = Environment::system();
    for large in ["{{repeat 600000 \"x\"}}".to_owned(), "x".repeat(600_000)] {
        let mut renderer = Renderer::new(&values, &mut environment);
        let rendered = (0..10)
            .take_while(|_| renderer.render("large", &large).is_ok())
            .count();
        assert_eq!(rendered, 3);
    }
}

#[test]
fn what_asks_for_time_or_chance_is_told_apart() {
    let values = Values::from([("a".into(), b"1".to_vec())]);
    let mut environment = Environment::system();
    let mut renderer = Renderer::new(&values, &mut environment);
    for by_chance in [
        "{{ randAlphaNum 8 }}",
        "{{ randInt 1 9 }}",
        "{{ randBytes 4 }}",
        "{{ shuffle \"abc\" }}",
        "{{ uuidv4 }}",
        "{{ bcrypt .a }}",
        "{{ htpasswd \"u\" .a }}",
        "{{ encryptAES \"k\" .a }}",
        "{{ genPrivateKey \"ecdsa\" }}",
        "{{ genPrivateKey \"ed25519\" }}",
        "{{ (genSelfSignedCertWithKey \"x\" nil nil 1 (genPrivateKey \"ed25519\")).Cert }}",
        "{{ now | unixEpoch }}",
        "{{ date \"2006\" \"no time\" }}",
        "{{ ago 0 }}",
        "{{ if eq .a \"1\" }}{{ randAlpha 1 }}{{ end }}",
    ] {
        renderer.render("t", by_chance).unwrap();
        assert!(renderer.used_chance(), "{by_chance}");
        for certain in [
            "{{ .a | b64enc | sha256sum }}",
            "{{ derivePassword 1 \"long\" .a \"u\" \"s\" }}",
            "{{ date \"2006\" 0 }}",
            "{{ if eq .a \"2\" }}{{ randAlpha 1 }}{{ end }}",
            "text",
        ] {
            renderer.render("t", certain).unwrap();
            assert!(!renderer.used_chance(), "{certain}");
        }
        // Hashes and keys are bounded over all.
        renderer = Renderer::new(&values, &mut environment);
    }
}
