"""A second provider, so that people have a choice; nobody ever goes there."""

from lab.forge import make_key


def add_partner(config: dict, label: str, first_label: str) -> None:
    """`first_label` is what the provider is called that people do go to."""
    config["providers"][0]["login"]["label"] = first_label
    config["providers"].append(
        {
            "name": "partner",
            "issuer": "https://partner.example.com",
            "jwks": {"keys": [make_key("ES256", "partner").jwk()]},
            "audiences": ["airbyte"],
            "login": {
                "client_id": "airgate",
                "cluster": "idp",
                "label": label,
                "authorization_endpoint": "https://partner.example.com/authorize",
                "token_endpoint": "https://partner.example.com/token",
            },
        }
    )
