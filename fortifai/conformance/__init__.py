"""Whether an adapter keeps the contract: named checks, chosen by what it declares, each on its own small example.

What the protocol checks in every generation, `fortifai.contract.checks`, is asked here too; the rest takes several fits to see.
"""
