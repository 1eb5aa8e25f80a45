"""An operator's templates are tried before anything starts, and what is wrong is named with its place."""

from pathlib import Path

import pytest

from notifier.channels.template_checks import WrongTemplate, check_templates
from notifier.channels.wording import TEMPLATES, Writer
from notifier.languages import Languages

TOLD = ("like", "comment", "follow", "mention", "share", "post", "announcement", "security", "notifier.test")
TYPES = (*TOLD, "poke", "order.shipped")


def check(folder: Path) -> None:
    check_templates(Writer(Languages(folder), folder), folder, TYPES)


def test_the_built_in_templates_pass():
    check(TEMPLATES)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{% block sentence %}{{ who }", "poke.jinja, line 1: "),
        ("{% block sentence %}x{% endblock %}\n{% if %}", "poke.jinja, line 2: "),
        ("{{ who }} poked you", "poke.jinja must say what is told in {% block sentence %}"),
        ("{% block sentence %}{% endblock %}", "poke.jinja: its sentence is empty for a sample event"),
        (
            "{% block sentence %}{{ whom }}{% endblock %}",
            "poke.jinja: 'whom' is not known; a template is given actor, ",
        ),
        (
            "{% block sentence %}{% if person.name == 'never' %}{{ whom }}{% endif %}x{% endblock %}",
            "poke.jinja: 'whom' is not known",
        ),
        ("{% block sentence %}{{ event.subject.name }}{% endblock %}", "by poke.jinja: "),
        ("{% block sentence %}{{ who | shout }}{% endblock %}", "poke.jinja, line 1: No filter named 'shout'"),
        ("{% block sentence %}x{% endblock %}{% block exerpt %}y{% endblock %}", "the block 'exerpt' is not known"),
    ],
)
def test_a_template_is_refused_for_what_would_fail_later(tmp_path: Path, text: str, said: str):
    (tmp_path / "poke.jinja").write_text(text)
    with pytest.raises(WrongTemplate) as fault:
        check(tmp_path)
    assert said in str(fault.value)


@pytest.mark.parametrize(
    "text",
    [
        "{% trans who %}{{ who }} pokes{% endtrans %}",
        "{{ event.data.order.total }} {{ 2 * event.data.sum }}",
        "{{ namespace(x=1).x }} {{ range(3) | join }}",
    ],
)
def test_a_template_may_use_what_apps_post_and_what_jinja_has(tmp_path: Path, text: str):
    (tmp_path / "poke.jinja").write_text(f"{{% block sentence %}}{text}{{% endblock %}}")
    check(tmp_path)


def test_a_template_of_no_type_is_a_slip_of_the_pen_and_parts_are_none(tmp_path: Path):
    (tmp_path / "_parts.jinja").write_text("{% macro loud(text) %}{{ text | upper }}{% endmacro %}")
    (tmp_path / "order.shipped.jinja").write_text(
        "{% block sentence %}{% from '_parts.jinja' import loud %}{{ loud(event.object.name) }}!{% endblock %}"
    )
    check(tmp_path)
    (tmp_path / "pokes.jinja").write_text("{% block sentence %}x{% endblock %}")
    with pytest.raises(WrongTemplate, match=r"^pokes.jinja belongs to no type; it must be named after one of like, "):
        check(tmp_path)


def test_an_operators_words_for_a_digest_are_tried_too(tmp_path: Path):
    (tmp_path / "digest.jinja").write_text("{% block sentence %}{{ first.sentence }} +{{ count - 1 }}{% endblock %}")
    check(tmp_path)
    (tmp_path / "digest.jinja").write_text("{% block sentence %}{{ first.sentense }}{% endblock %}")
    with pytest.raises(WrongTemplate, match="sentense"):
        check(tmp_path)
