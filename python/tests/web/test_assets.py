"""The files of the page: modules that work alone and as one."""

import re

from recurrent.web.assets import MODULES, STATIC, bundle, markup, read


def test_modules_import_only_earlier_ones():
    assert sorted(MODULES) == sorted(path.name for path in STATIC.glob("*.js"))
    for index, name in enumerate(MODULES):
        imported = re.findall(r'from "\./(\w+\.js)"', read(name))
        assert set(imported) <= set(MODULES[:index]), name
        assert len(imported) == read(name).count("import "), name


def test_bundle_is_one_module():
    source = bundle()
    assert not re.search(r"^import ", source, re.M)
    assert re.findall(r"^export .*", source, re.M) == ["export default {"]
    names = re.findall(r"^(?:async )?(?:const|function|class) (\w+)", source, re.M)
    assert len(set(names)) == len(names) > 20


def test_markup_is_the_content_of_the_page():
    assert markup().count('data-show="perplexity"') == 1 and "<script" not in markup()
