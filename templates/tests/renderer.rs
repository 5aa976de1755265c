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
