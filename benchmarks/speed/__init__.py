"""How fast it is: each module measures Inkling and what it is compared with, in turn."""
