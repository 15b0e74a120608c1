-- Latest values and the last twenty lines, over everything before as_of, for one bucket of customers.
-- Ties inside a minute fall to (InvoiceNo, StockCode), then to the value itself.
with pairs as (
  select s.spine_row, s.as_of, e.*,
         row_number() over (partition by s.spine_row
                            order by e.InvoiceDate desc, e.InvoiceNo desc, e.StockCode desc, e.amount desc) as newest
  from customer_spine s
  left join lines e on e.CustomerID = s.CustomerID and e.InvoiceDate < s.as_of
  where coalesce(s.CustomerID, 0) % $buckets::int = $bucket::int
)
select spine_row,
       coalesce((epoch_us(any_value(as_of)) - epoch_us(max(InvoiceDate) filter (where not cancelled)))
                / 1000000.0::double / 86400.0::double, 100000.0)              as days_since_last_order,
       (epoch_us(any_value(as_of)) - epoch_us(max(InvoiceDate) filter (where returned)))
                / 1000000.0::double / 86400.0::double                         as days_since_last_return,
       (epoch_us(any_value(as_of)) - epoch_us(min(InvoiceDate)))
                / 1000000.0::double / 86400.0::double                         as days_as_customer,
       last(Country   order by InvoiceDate, InvoiceNo, StockCode, Country)
         filter (where InvoiceNo is not null)                                 as country,
       last(StockCode order by InvoiceDate, InvoiceNo, StockCode)
         filter (where InvoiceNo is not null)                                 as last_product,
       fsum(amount) filter (where newest <= 20)                               as spend_last_20_lines,
       fsum(abs(amount)) filter (where newest <= 20)                          as spend_last_20_lines__scale
from pairs
group by spine_row
