"""The tables: columns, types, units and expectations, one per file."""
