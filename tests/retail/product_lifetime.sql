-- Latest values over everything before as_of, for one bucket of products.
-- Ties inside a minute fall to (InvoiceNo, StockCode), then to the value itself.
select s.spine_row,
       coalesce((epoch_us(any_value(s.as_of)) - epoch_us(max(e.InvoiceDate) filter (where not e.cancelled)))
                / 1000000.0::double / 86400.0::double, 100000.0)              as days_since_last_order,
       (epoch_us(any_value(s.as_of)) - epoch_us(min(e.InvoiceDate)))
                / 1000000.0::double / 86400.0::double                         as days_on_sale,
       max({d: e.InvoiceDate, i: e.InvoiceNo, v: e.UnitPrice})
         filter (where not e.returned and e.UnitPrice > 0).v                  as last_price,
       max({d: e.InvoiceDate, i: e.InvoiceNo, v: e.Description})
         filter (where e.Description is not null).v                           as product_name
from product_spine s
left join lines e on e.StockCode = s.StockCode and e.InvoiceDate < s.as_of
where hash(s.StockCode) % $buckets::ubigint = $bucket::ubigint
group by s.spine_row
