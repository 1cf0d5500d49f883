"""What is common to the tests of the pages."""

import pytest

# Their assertions say as much as a test's.
pytest.register_assert_rewrite("docs.checks", "docs.commands")
