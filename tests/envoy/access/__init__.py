"""Who may do what: roles, and the operations of Airbyte's that ask for them."""
